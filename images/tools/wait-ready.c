/*
 * wait-ready <address> <port> <seconds> [path]
 *
 * Asks a replica many times a second until it is ready: without a path, until the port takes a connection; with one, until
 * GET answers 2xx or 3xx. Runs beside HAProxy, on the way that the traffic will take. Prints the last answer on failure.
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

enum { PAUSE_MILLISECONDS = 25, ATTEMPT_MILLISECONDS = 2000 };

static char last[160] = "never asked";

static int wait_for(int fd, short events) {
  struct pollfd watched = {.fd = fd, .events = events};
  return poll(&watched, 1, ATTEMPT_MILLISECONDS) == 1;
}

static int connect_to(struct sockaddr_in *address) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), error = 0;
  socklen_t size = sizeof error;
  if (connect(fd, (struct sockaddr *)address, sizeof *address) == 0) return fd;
  if (errno == EINPROGRESS && wait_for(fd, POLLOUT) && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0) return fd;
  snprintf(last, sizeof last, "connection: %s", strerror(error ? error : errno == EINPROGRESS ? ETIMEDOUT : errno));
  close(fd);
  return -1;
}

static int answers(struct sockaddr_in *address, const char *path) {
  char answer[16] = "";
  int fd = connect_to(address);
  if (fd < 0) return 0;
  if (!path) {
    close(fd);
    return 1;
  }
  dprintf(fd, "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: horme\r\nConnection: close\r\n\r\n", path);
  size_t got = 0;
  while (got < 12 && wait_for(fd, POLLIN)) {
    ssize_t n = read(fd, answer + got, 12 - got);
    if (n <= 0) break;
    got += n;
  }
  close(fd);
  if (got == 12) snprintf(last, sizeof last, "GET %.80s answered %.3s", path, answer + 9);
  else snprintf(last, sizeof last, "GET %.80s: no answer", path);
  return got == 12 && (answer[9] == '2' || answer[9] == '3');
}

int main(int argc, char **argv) {
  if (argc != 4 && argc != 5) {
    fprintf(stderr, "usage: wait-ready <address> <port> <seconds> [path]\n");
    return 2;
  }
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[2]))};
  if (inet_pton(AF_INET, argv[1], &address.sin_addr) != 1) return 2;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  for (time_t deadline = now.tv_sec + atoi(argv[3]); now.tv_sec < deadline; clock_gettime(CLOCK_MONOTONIC, &now)) {
    if (answers(&address, argc == 5 ? argv[4] : NULL)) return 0;
    nanosleep(&(struct timespec){.tv_nsec = PAUSE_MILLISECONDS * 1000 * 1000}, NULL);
  }
  printf("%s\n", last);
  return 1;
}
