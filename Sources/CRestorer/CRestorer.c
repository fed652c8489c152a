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

enum { quiet_ms = 300, limit_ms = 3000, control_fd = 3, target_fd = 4 };

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// Between fork and _exit only async-signal-safe calls: the parent has threads.
static void put_back(const char *bytes, size_t count) {
    char scrap[4096];
    long start = now_ms();
    size_t sent = 0;
    int quiet = quiet_ms;
    while (now_ms() - start < limit_ms) {
        struct pollfd p = {target_fd, POLLIN | (sent < count ? POLLOUT : 0), 0};
        int ready = poll(&p, 1, quiet);
        if (ready == 0 && sent == count) return;
        if (ready < 0 && errno != EINTR) return;
        if (ready <= 0) continue;
        // What the parent left unread would block the guest's emulator: take it away first.
        if (p.revents & POLLIN) {
            ssize_t n = recv(target_fd, scrap, sizeof scrap, MSG_DONTWAIT);
            if (n == 0) return;
            if (n < 0 && errno != EAGAIN && errno != EINTR) return;
        } else if (p.revents & (POLLHUP | POLLERR)) {
            return;
        }
        if ((p.revents & POLLOUT) && sent < count) {
            ssize_t n = send(target_fd, bytes + sent, count - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n > 0) sent += (size_t)n;
            else if (n < 0 && errno != EAGAIN && errno != EINTR) return;
        }
    }
}

int fi_restorer_start(int socket_fd, const void *bytes, size_t count, struct fi_restorer *out) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC)) return errno;
    char *copy = malloc(count ? count : 1);
    if (!copy) {
        close(ends[0]);
        close(ends[1]);
        return ENOMEM;
    }
    memcpy(copy, bytes, count);

    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0) {
        // Signals stay blocked: a Ctrl-C that ends the parent must not end the one who tidies up after it.
        setsid();
        // Above the range that is about to be overwritten, then to fixed places.
        int control = fcntl(ends[0], F_DUPFD, 16), target = fcntl(socket_fd, F_DUPFD, 16);
        if (control < 0 || target < 0 || dup2(control, control_fd) < 0 || dup2(target, target_fd) < 0) _exit(1);
        close_range(target_fd + 1, ~0U, 0);
        int null = open("/dev/null", O_RDWR);
        for (int fd = 0; fd < 3; fd++) dup2(null, fd);
        if (null > 2 && null != control_fd && null != target_fd) close(null);
        char word;
        ssize_t n;
        do n = read(control_fd, &word, 1);
        while (n < 0 && errno == EINTR);
        if (n == 0) put_back(copy, count);
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
