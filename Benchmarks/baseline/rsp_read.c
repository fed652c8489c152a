// The yardstick for the gdbstub rung: what a plain C client that pipelines its requests gets out of QEMU's stub.
//
//   rsp_read SOCKET ADDRESS BYTES [resume]
//
// Reads guest physical memory through a stub on a UNIX socket, 32 requests of 0x800 bytes at a time. Afterwards the stub's
// memory mode is what it was before; with `resume` the guest is let run (D;1), without it stays stopped.
// Prints MB/s, milliseconds, and the sum of the bytes.
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { window = 32, chunk = 0x800 };

static int stub;
static unsigned char input[1 << 17];
static size_t start, end;
static signed char digit[256];

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void fail(const char *what) {
    fprintf(stderr, "rsp_read: %s\n", what);
    exit(1);
}

static void send_all(const char *bytes, size_t count) {
    while (count) {
        ssize_t sent = write(stub, bytes, count);
        if (sent <= 0) fail("the stub closed the connection");
        bytes += sent, count -= sent;
    }
}

static size_t put(char *to, const char *payload) {
    unsigned char sum = 0;
    for (const char *p = payload; *p; p++) sum += *p;
    return sprintf(to, "$%s#%02x", payload, sum);
}

static int byte(void) {
    if (start == end) {
        ssize_t count = read(stub, input, sizeof input);
        if (count <= 0) fail("the stub closed the connection");
        start = 0, end = count;
    }
    return input[start++];
}

// The next packet's payload; its checksum is checked.
static size_t packet(unsigned char *payload, size_t limit) {
    while (byte() != '$') {}
    size_t count = 0;
    unsigned char sum = 0;
    for (;;) {
        // What lies in the buffer, without a call per byte.
        while (start < end && input[start] != '#') {
            if (count == limit) fail("a packet is too long");
            sum += input[start];
            payload[count++] = input[start++];
        }
        if (start < end) break;
        int next = byte();
        start--;
        if (next == '#') break;
    }
    start++;
    int high = digit[byte()], low = digit[byte()];
    if (high < 0 || low < 0 || (high << 4 | low) != sum) fail("a checksum is wrong");
    return count;
}

static void ask(const char *request, char *reply, size_t limit) {
    char bytes[256];
    send_all(bytes, put(bytes, request));
    size_t count;
    // A stop that nobody asked for comes first where the guest ran.
    do count = packet((unsigned char *)reply, limit - 1);
    while (reply[0] == 'T');
    reply[count] = 0;
}

int main(int argc, char **argv) {
    if (argc != 4 && argc != 5) return fprintf(stderr, "usage: rsp_read SOCKET ADDRESS BYTES [resume]\n"), 64;
    uint64_t address = strtoull(argv[2], NULL, 0), bytes = strtoull(argv[3], NULL, 0) / chunk * chunk;
    memset(digit, -1, sizeof digit);
    for (int i = 0; i < 10; i++) digit['0' + i] = i;
    for (int i = 0; i < 6; i++) digit['a' + i] = digit['A' + i] = 10 + i;
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    if (strlen(argv[1]) >= sizeof where.sun_path) fail("the socket's path is too long");
    strcpy(where.sun_path, argv[1]);
    stub = socket(AF_UNIX, SOCK_STREAM, 0);
    if (stub < 0 || connect(stub, (struct sockaddr *)&where, sizeof where)) return perror(argv[1]), 1;

    static char reply[4 * chunk];
    ask("qSupported", reply, sizeof reply);
    ask("qqemu.PhyMemMode", reply, sizeof reply);
    int was_physical = reply[0] == '1';
    ask("Qqemu.PhyMemMode:1", reply, sizeof reply);
    if (strcmp(reply, "OK")) fail("the stub has no physical mode");

    unsigned char *memory = malloc(bytes ? bytes : 1);
    if (!memory) return perror("malloc"), 1;
    memset(memory, 1, bytes);
    static unsigned char payload[2 * chunk + 16];
    static char requests[window * 64];
    uint64_t asked = 0, got = 0;
    double from = now();
    while (got < bytes) {
        // Half a window at a time, in one write.
        if (asked < bytes && asked - got <= window / 2 * chunk) {
            size_t length = 0;
            for (; asked < bytes && asked - got < (uint64_t)window * chunk; asked += chunk) {
                char text[64];
                snprintf(text, sizeof text, "m%" PRIx64 ",%x", address + asked, chunk);
                length += put(requests + length, text);
            }
            send_all(requests, length);
        }
        if (packet(payload, sizeof payload) != 2 * chunk) fail("a reply has the wrong length");
        int bad = 0;
        for (size_t i = 0; i < chunk; i++) {
            int high = digit[payload[2 * i]], low = digit[payload[2 * i + 1]];
            bad |= high | low;
            memory[got + i] = high << 4 | low;
        }
        if (bad < 0) fail("a reply has something else than digits");
        got += chunk;
    }
    double took = now() - from;

    if (!was_physical) ask("Qqemu.PhyMemMode:0", reply, sizeof reply);
    if (argc == 5) ask("D;1", reply, sizeof reply);
    close(stub);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < bytes; i++) sum += memory[i];
    printf("%.1f MB/s %.1f ms sum %" PRIu64 "\n", bytes / took / 1e3, took, sum);
    return 0;
}
