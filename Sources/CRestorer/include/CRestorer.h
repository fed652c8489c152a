#pragma once
#include <stddef.h>
#include <sys/types.h>

/// A child process that puts the guest back should its parent die before it could.
struct fi_restorer {
    pid_t pid;
    int control;
};

/// What to write to a connected socket in the end.
struct fi_farewell {
    int socket_fd;
    const void *bytes;
    size_t count;
    /// What the peer's answer contains: the socket stays open until it came, 10 s at most. Without one (0 bytes) it stays
    /// open until the peer was quiet for 300 ms, 3 s at most.
    const void *answer;
    size_t answer_count;
};

enum { fi_farewell_limit = 4, fi_answer_limit = 64 };

/// Starts a child that holds duplicates of the sockets. If the parent ends without `fi_restorer_dismiss`, the child says
/// its farewells one after the other, reads and drops what comes back meanwhile, and ends.
/// Returns 0, or an errno value; nothing is left behind then.
int fi_restorer_start(const struct fi_farewell *farewells, size_t count, struct fi_restorer *out);

/// Tells the child that the guest is in order, and reaps it.
void fi_restorer_dismiss(struct fi_restorer restorer);
