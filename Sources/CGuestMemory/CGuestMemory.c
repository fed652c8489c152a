#define _GNU_SOURCE
#include "CGuestMemory.h"

#include <sys/mman.h>
#include <sys/uio.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

int fi_memfd(const char *name) { return memfd_create(name, MFD_CLOEXEC); }

ssize_t fi_process_read(pid_t pid, void *target, uint64_t address, size_t count) {
    struct iovec to = {target, count}, from = {(void *)(uintptr_t)address, count};
    return process_vm_readv(pid, &to, 1, &from, 1, 0);
}

int fi_populate_read(const void *address, size_t count) { return madvise((void *)address, count, MADV_POPULATE_READ); }
