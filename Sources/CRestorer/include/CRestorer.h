#pragma once
#include <stddef.h>
#include <sys/types.h>

/// A child process that puts the guest back should its parent die before it could.
struct fi_restorer {
    pid_t pid;
    int control;
};

/// Starts a child that holds a duplicate of `socket_fd`. If the parent ends without `fi_restorer_dismiss`, the child
/// writes `bytes` to the socket, reads and drops what comes back until it is quiet for 300 ms (3 s at most), and ends.
/// Returns 0, or an errno value; nothing is left behind then.
int fi_restorer_start(int socket_fd, const void *bytes, size_t count, struct fi_restorer *out);

/// Tells the child that the guest is in order, and reaps it.
void fi_restorer_dismiss(struct fi_restorer restorer);
