#pragma once

/// The page of docs/findings about a finding, in UTF-8; NULL where there is none.
const char *fi_finding_page(const char *identifier);
