/*
 * Asks for one path at a constant rate, whatever the answers do: request number i is due at start + i / rate, and its latency
 * counts from then, also while it waits for a free connection (so nothing is omitted while the server stalls). Prints JSON:
 * latencies in microseconds, how late the generator itself was, and its part of the core. Built by the benchmark with
 * `cc -O2`. Usage: open-loop PORT PATH RATE SECONDS CONNECTIONS
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 1024
#define BUFFER 65536

struct connection {
  int fd;
  int64_t due; /* of the request under way */
  int got;
  char in[BUFFER];
};

static struct connection connections[MAX_CONNECTIONS];
static int idle[MAX_CONNECTIONS];
static int idle_count;

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void fail(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

static int by_value(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static double part_us(uint32_t *values, long count, double part) {
  return count == 0 ? 0 : values[(long)(part * (count - 1))] / 10.0;
}

/* Whether the answer is whole. */
static int is_whole(struct connection *c) {
  char *end = memmem(c->in, c->got, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  if (memcmp(c->in, "HTTP/1.1 200", 12) != 0) {
    fprintf(stderr, "%.*s\n", (int)(end - c->in), c->in);
    exit(1);
  }
  *end = 0;
  char *length = strcasestr(c->in, "\r\ncontent-length:");
  long body = length == NULL ? 0 : atol(length + 17);
  *end = '\r';
  return c->got >= end - c->in + 4 + body;
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  double rate = atof(argv[3]), seconds = atof(argv[4]);
  int count = atoi(argv[5]);
  long total = (long)(rate * seconds), sent = 0, done = 0, prompt = 0;
  if (count < 1 || count > MAX_CONNECTIONS || total < 1) return 2;
  uint32_t *latencies = calloc(total, sizeof *latencies), *lags = calloc(total, sizeof *lags);
  char request[2048];
  int size = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", argv[2], argv[1]);
  prctl(PR_SET_TIMERSLACK, 1);
  int poll = epoll_create1(0);
  for (int i = 0; i < count; i++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    connections[i].fd = fd;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    idle[idle_count++] = i;
  }
  int64_t start = now_ns(), give_up = start + (int64_t)((seconds + 5) * 1e9), free_since = start;
  while (done < total) {
    int64_t now = now_ns();
    if (now > give_up) break;
    while (sent < total && idle_count > 0) {
      int64_t due = start + (int64_t)(sent / rate * 1e9);
      if (due > now) break;
      struct connection *c = &connections[idle[--idle_count]];
      /* Late by itself: a connection was free when it was due. */
      if (free_since <= due) lags[prompt++] = (uint32_t)((now - due) / 100);
      c->due = due;
      c->got = 0;
      if (write(c->fd, request, size) != size) fail("write");
      sent++;
      now = now_ns();
    }
    int64_t next = sent < total && idle_count > 0 ? start + (int64_t)(sent / rate * 1e9) : now + 100000000;
    int64_t wait = next > now ? next - now : 0;
    struct timespec timeout = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};
    struct epoll_event events[256];
    int ready = epoll_pwait2(poll, events, 256, &timeout, NULL);
    if (ready < 0 && errno != EINTR) fail("epoll_pwait2");
    for (int e = 0; e < ready; e++) {
      struct connection *c = &connections[events[e].data.u32];
      ssize_t got = read(c->fd, c->in + c->got, BUFFER - c->got - 1);
      if (got <= 0) fail("the server closed");
      c->got += got;
      if (!is_whole(c)) continue;
      now = now_ns();
      latencies[done++] = (uint32_t)((now - c->due) / 100);
      if (idle_count == 0) free_since = now;
      idle[idle_count++] = c - connections;
    }
  }
  double elapsed = (now_ns() - start) / 1e9;
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
  qsort(latencies, done, sizeof *latencies, by_value);
  qsort(lags, prompt, sizeof *lags, by_value);
  printf("{\"asked\":%ld,\"count\":%ld,\"seconds\":%.3f,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"lagP99\":%.1f,\"core\":%.2f}\n", total,
         done, elapsed, part_us(latencies, done, 0.5), part_us(latencies, done, 0.99), part_us(latencies, done, 0.999),
         part_us(lags, prompt, 0.99), cpu / elapsed);
  return 0;
}
