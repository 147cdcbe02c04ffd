/*
 * wait-ready <address> <port> <seconds> [<method> <path> <host> <status> <milliseconds>]
 *
 * Asks a replica many times a second until it is ready: without a path, until the port takes a connection; with one, until
 * an answer has one of the wanted codes (such as 200-399,418) within the time that one answer may take. HAProxy's checks ask
 * the same: who changes one changes the other. Runs beside HAProxy, on the way that the traffic will take. Prints the last
 * answer on failure.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_MILLISECONDS = 25, CONNECT_MILLISECONDS = 2000 };

struct question {
  const char *method, *path, *host, *status;
  long milliseconds;
};

static char last[200] = "never asked";

static long now_milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000L + now.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, long milliseconds) {
  struct pollfd watched = {.fd = fd, .events = events};
  return milliseconds > 0 && poll(&watched, 1, milliseconds) == 1;
}

static long smaller(long a, long b) { return a < b ? a : b; }

static int connect_to(struct sockaddr_in *address, long end) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error = 0;
  socklen_t size = sizeof error;
  if (connect(fd, (struct sockaddr *)address, sizeof *address) == 0) return fd;
  if (errno == EINPROGRESS && wait_for(fd, POLLOUT, smaller(CONNECT_MILLISECONDS, end - now_milliseconds())) &&
      getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0)
    return fd;
  snprintf(last, sizeof last, "connection: %s", strerror(error ? error : errno == EINPROGRESS ? ETIMEDOUT : errno));
  close(fd);
  return -1;
}

static int is_good(int code, const char *codes) {
  while (*codes) {
    char *end;
    long from = strtol(codes, &end, 10), to = from;
    if (*end == '-') to = strtol(end + 1, &end, 10);
    if (code >= from && code <= to) return 1;
    if (*end != ',') return 0;
    codes = end + 1;
  }
  return 0;
}

/* No later than `end`: the time of all tries. */
static int answers(struct sockaddr_in *address, const struct question *question, long end) {
  char answer[13] = "";
  int fd = connect_to(address, end);
  if (fd < 0) return 0;
  if (!question) {
    close(fd);
    return 1;
  }
  long deadline = smaller(now_milliseconds() + question->milliseconds, end);
  dprintf(fd,
          "%s %s HTTP/1.1\r\nHost: %s\r\nX-Forwarded-Proto: https\r\nUser-Agent: horme\r\nConnection: close\r\n\r\n",
          question->method, question->path, question->host);
  size_t got = 0;
  while (got < 12 && wait_for(fd, POLLIN, deadline - now_milliseconds())) {
    ssize_t n = read(fd, answer + got, 12 - got);
    if (n <= 0) break;
    got += n;
  }
  close(fd);
  const char *form = got == 12 ? "%s %.80s for %.60s answered %.3s" : "%s %.80s for %.60s: no answer%.0s";
  snprintf(last, sizeof last, form, question->method, question->path, question->host, answer + 9);
  return got == 12 && is_good(atoi(answer + 9), question->status);
}

int main(int argc, char **argv) {
  if (argc != 4 && argc != 9) {
    fprintf(stderr, "usage: wait-ready <address> <port> <seconds> [<method> <path> <host> <status> <milliseconds>]\n");
    return 2;
  }
  struct question asked;
  if (argc == 9) asked = (struct question){argv[4], argv[5], argv[6], argv[7], atol(argv[8])};
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
  if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) return 2;
  long deadline = now_milliseconds() + atol(argv[3]) * 1000;
  while (now_milliseconds() < deadline) {
    if (answers(&address, argc == 9 ? &asked : NULL, deadline)) return 0;
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MILLISECONDS * 1000 * 1000}, NULL);
  }
  printf("%s\n", last);
  return 1;
}
