// The yardstick: what plain C needs on the same guest's frame table.
//
//   guest_scan map PATH OFFSET SLOTS     decode in place through a shared mapping of the guest's memory backend
//   guest_scan process PID HVA SLOTS     decode through process_vm_readv in 1 MiB pieces
//   guest_scan copy PATH OFFSET SLOTS    copy into memory that was touched before
//   guest_scan copyprocess PID HVA SLOTS the same through process_vm_readv
//
// Prints milliseconds: the first pass (page faults included) and the median of the rest, and the histogram's checksum.
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { stride = 64, chunk = 1 << 20, rounds = 9 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static uint64_t flags_count[65536], states[16], checksum;

// What `summary` needs of a slot: flags, order, refcount, guard, whether it is linked, which vtable.
static void scan(const unsigned char *p, size_t slots) {
    for (size_t i = 0; i < slots; i++, p += stride) {
        uint64_t next, vtable;
        uint32_t flags, refcount, guard;
        memcpy(&next, p, 8);
        memcpy(&vtable, p + 16, 8);
        memcpy(&flags, p + 24, 4);
        memcpy(&refcount, p + 32, 4);
        memcpy(&guard, p + 40, 4);
        flags_count[flags & 65535]++;
        states[(p[28] & 7) | (refcount == UINT32_MAX) << 3]++;
        checksum += (next != UINT64_MAX) + vtable + guard;
    }
}

static int order(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
    if (argc != 5) return fprintf(stderr, "usage: guest_scan map|process|copy|copyprocess WHERE OFFSET SLOTS\n"), 64;
    const char *mode = argv[1];
    uint64_t offset = strtoull(argv[3], NULL, 0), slots = strtoull(argv[4], NULL, 0), bytes = slots * stride;
    int process = strstr(mode, "process") != NULL, copying = strncmp(mode, "copy", 4) == 0;
    double times[rounds];
    unsigned char *source = NULL, *target = NULL;
    if (copying) {
        target = malloc(bytes);
        if (!target) return perror("malloc"), 1;
        memset(target, 1, bytes);
    }
    double start = now();
    unsigned char *buffer = process ? aligned_alloc(4096, chunk) : NULL;
    if (!process) {
        int fd = open(argv[2], O_RDONLY);
        if (fd < 0) return perror(argv[2]), 1;
        uint64_t slack = offset & 4095;
        source = mmap(NULL, bytes + slack, PROT_READ, MAP_SHARED, fd, (off_t)(offset - slack));
        if (source == MAP_FAILED) return perror("mmap"), 1;
        source += slack;
    }
    pid_t pid = process ? atoi(argv[2]) : 0;
    for (int round = 0; round < rounds; round++) {
        if (round) start = now();
        if (process) {
            for (uint64_t done = 0; done < bytes;) {
                size_t n = bytes - done < chunk ? bytes - done : chunk;
                struct iovec to = {copying ? target + done : buffer, n}, from = {(void *)(offset + done), n};
                if (process_vm_readv(pid, &to, 1, &from, 1, 0) != (ssize_t)n) return perror("process_vm_readv"), 1;
                if (!copying) scan(buffer, n / stride);
                done += n;
            }
        } else if (copying) {
            memcpy(target, source, bytes);
        } else {
            scan(source, slots);
        }
        times[round] = now() - start;
    }
    double first = times[0];
    qsort(times + 1, rounds - 1, sizeof *times, order);
    if (copying) for (uint64_t i = 0; i < bytes; i += 4096) checksum += target[i];
    printf("%.2f %.2f %" PRIu64 "\n", first, times[1 + (rounds - 1) / 2], checksum);
    return 0;
}
