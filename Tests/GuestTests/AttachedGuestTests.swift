import Testing

/// Suites that boot one guest after the other: two cores do not carry many at a time, and these measure moments.
@Suite(.serialized) enum AttachedGuestTests {}
