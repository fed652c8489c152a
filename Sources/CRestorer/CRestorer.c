#define _GNU_SOURCE
#include "CRestorer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { quiet_ms = 300, limit_ms = 3000, answer_limit_ms = 10000, control_fd = 3, first_target_fd = 4 };

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// Between fork and _exit only async-signal-safe calls: the parent has threads.
static void say(int target, const struct fi_farewell *f) {
    char scrap[fi_answer_limit + 4096];
    long start = now_ms();
    size_t sent = 0, kept = 0;
    long limit = f->answer_count ? answer_limit_ms : limit_ms;
    while (now_ms() - start < limit) {
        struct pollfd p = {target, POLLIN | (sent < f->count ? POLLOUT : 0), 0};
        int ready = poll(&p, 1, quiet_ms);
        if (ready == 0 && sent == f->count && !f->answer_count) return;
        if (ready < 0 && errno != EINTR) return;
        if (ready <= 0) continue;
        // What the parent left unread would block the guest's emulator: take it away first.
        if (p.revents & POLLIN) {
            ssize_t n = recv(target, scrap + kept, 4096, MSG_DONTWAIT);
            if (n == 0) return;
            if (n < 0 && errno != EAGAIN && errno != EINTR) return;
            if (n > 0 && f->answer_count) {
                size_t have = kept + (size_t)n;
                if (sent == f->count && memmem(scrap, have, f->answer, f->answer_count)) return;
                // An answer may come in pieces.
                kept = have < f->answer_count ? have : f->answer_count - 1;
                memmove(scrap, scrap + have - kept, kept);
            }
        } else if (p.revents & (POLLHUP | POLLERR)) {
            return;
        }
        if ((p.revents & POLLOUT) && sent < f->count) {
            ssize_t n = send(target, (const char *)f->bytes + sent, f->count - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n > 0) sent += (size_t)n;
            else if (n < 0 && errno != EAGAIN && errno != EINTR) return;
        }
    }
}

// Copies everything that the child will need into one allocation.
static struct fi_farewell *copy_of(const struct fi_farewell *farewells, size_t count) {
    size_t size = count * sizeof *farewells;
    for (size_t i = 0; i < count; i++) size += farewells[i].count + farewells[i].answer_count;
    struct fi_farewell *copy = malloc(size);
    if (!copy) return NULL;
    char *place = (char *)(copy + count);
    for (size_t i = 0; i < count; i++) {
        copy[i] = farewells[i];
        if (copy[i].count) memcpy(place, farewells[i].bytes, copy[i].count);
        copy[i].bytes = place;
        place += copy[i].count;
        if (copy[i].answer_count) memcpy(place, farewells[i].answer, copy[i].answer_count);
        copy[i].answer = place;
        place += copy[i].answer_count;
    }
    return copy;
}

int fi_restorer_start(const struct fi_farewell *farewells, size_t count, struct fi_restorer *out) {
    int ends[2];
    if (count == 0 || count > fi_farewell_limit) return EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (farewells[i].answer_count > fi_answer_limit) return EINVAL;
    }
    if (pipe2(ends, O_CLOEXEC)) return errno;
    struct fi_farewell *copy = copy_of(farewells, count);
    if (!copy) {
        close(ends[0]);
        close(ends[1]);
        return ENOMEM;
    }

    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        // Signals stay blocked: a Ctrl-C that ends the parent must not end the one who tidies up after it.
        setsid();
        // Above the range that is about to be overwritten, then to fixed places.
        int control = fcntl(ends[0], F_DUPFD, 16);
        if (control < 0) _exit(1);
        for (size_t i = 0; i < count; i++) {
            copy[i].socket_fd = fcntl(copy[i].socket_fd, F_DUPFD, 16);
            if (copy[i].socket_fd < 0) _exit(1);
        }
        if (dup2(control, control_fd) < 0) _exit(1);
        for (size_t i = 0; i < count; i++) {
            if (dup2(copy[i].socket_fd, first_target_fd + (int)i) < 0) _exit(1);
        }
        close_range(first_target_fd + (unsigned)count, ~0U, 0);
        int null = open("/dev/null", O_RDWR);
        for (int fd = 0; fd < 3; fd++) dup2(null, fd);
        if (null > 2) close(null);
        char word;
        ssize_t n;
        do n = read(control_fd, &word, 1);
        while (n < 0 && errno == EINTR);
        for (size_t i = 0; n == 0 && i < count; i++) {
            say(first_target_fd + (int)i, &copy[i]);
            close(first_target_fd + (int)i);
        }
        _exit(0);
    }
    int failure = pid < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    free(copy);
    close(ends[0]);
    if (failure) {
        close(ends[1]);
        return failure;
    }
    out->pid = pid;
    out->control = ends[1];
    return 0;
}

void fi_restorer_dismiss(struct fi_restorer restorer) {
    char word = 'd';
    ssize_t n;
    do n = write(restorer.control, &word, 1);
    while (n < 0 && errno == EINTR);
    close(restorer.control);
    while (waitpid(restorer.pid, NULL, 0) < 0 && errno == EINTR) {}
}
