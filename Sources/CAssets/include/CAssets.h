#pragma once

#include <stddef.h>

/// A file that the daemon serves.
struct fi_asset {
    /// The last part of its path.
    const char *name;
    /// Its media type.
    const char *type;
    /// Its bytes.
    const unsigned char *bytes;
    /// How many.
    size_t count;
};

/// The file with a name; NULL where there is none.
const struct fi_asset *fi_asset(const char *name);
