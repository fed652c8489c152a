#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// What Swift cannot see of glibc: functions behind _GNU_SOURCE. Each returns -1 and sets errno on failure.
int fi_memfd(const char *name);
ssize_t fi_process_read(pid_t pid, void *target, uint64_t address, size_t count);
int fi_populate_read(const void *address, size_t count);
