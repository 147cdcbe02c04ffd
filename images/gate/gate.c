/*
 * gate: holds the edge's listening sockets so that nginx can be replaced without closing them.
 *
 *   gate hold <socket> <port>...          binds the ports and hands them to whoever connects to <socket>
 *   gate attach <socket> -- <command>...  receives the ports, runs <command> with NGINX="3;4;..." naming them
 *   gate probe <socket>                   exits 0 when an HTTP server on the unix socket answers 2xx
 *   gate check <socket>                   exits 0 when a holder on <socket> hands out its ports
 *
 * A listening socket belongs to the network it was made in, whoever accepts from it. So the holder's container owns the
 * published ports and is never replaced, and two generations of nginx accept from the same queue while one takes over
 * from the other: no connection is refused or lost. nginx reads inherited sockets from the variable NGINX (the way it
 * upgrades its own binary). The holder keeps each connection open: its end tells nginx that the sockets are dead.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PORTS = 8, MAX_HOLDERS = 64, FIRST_FD = 3, BACKLOG = 4096, ATTACH_SECONDS = 60, PROBE_SECONDS = 5 };

_Noreturn static void die(const char *what) {
  fprintf(stderr, "gate: %s: %s\n", what, strerror(errno));
  exit(1);
}

static struct sockaddr_un unix_address(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    die(path);
  }
  strcpy(address.sun_path, path);
  return address;
}

static int listen_on_port(const char *text) {
  int port = atoi(text), on = 1;
  if (port < 1 || port > 65535) {
    errno = EINVAL;
    die(text);
  }
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  /* nginx takes inherited sockets as they are: where two workers wake for one connection, the second would block in accept
     and serve nobody until the next one comes. */
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) die("socket");
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die(text);
  if (listen(fd, BACKLOG) < 0) die(text);
  return fd;
}

static void send_fds(int connection, const int *fds, int count) {
  char byte = (char)count, control[CMSG_SPACE(sizeof(int) * MAX_PORTS)] = {0};
  struct iovec data = {.iov_base = &byte, .iov_len = 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control,
                           .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int) * count);
  memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
  if (sendmsg(connection, &message, MSG_NOSIGNAL) < 0) fprintf(stderr, "gate: send: %s\n", strerror(errno));
}

static int receive_fds(int connection, int *fds) {
  char byte, control[CMSG_SPACE(sizeof(int) * MAX_PORTS)];
  struct iovec data = {.iov_base = &byte, .iov_len = 1};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(connection, &message, 0) <= 0) return 0;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (!header || header->cmsg_type != SCM_RIGHTS) return 0;
  int count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  memcpy(fds, CMSG_DATA(header), sizeof(int) * count);
  return count;
}

/* A connection that its other end has closed is of no use: `check` makes one every few seconds. */
static int drop_ended(struct pollfd *open, int count) {
  int left = 0;
  for (int i = 0; i < count; i++) {
    if (i > 0 && open[i].revents) close(open[i].fd);
    else open[left++] = open[i];
  }
  return left;
}

/* Hands the ports to all who come. open[0] is the server itself; the others are those who have the ports now. */
_Noreturn static void serve(int server, const int *fds, int count) {
  struct pollfd open[1 + MAX_HOLDERS] = {{.fd = server, .events = POLLIN}};
  for (int used = 1;;) {
    if (poll(open, used, -1) < 0 && errno != EINTR) die("poll");
    int incoming = open[0].revents & POLLIN;
    used = drop_ended(open, used);
    if (!incoming) continue;
    int connection = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    if (connection < 0) continue;
    if (used > MAX_HOLDERS) {
      close(connection);
      continue;
    }
    send_fds(connection, fds, count);
    open[used++] = (struct pollfd){.fd = connection, .events = 0};
  }
}

_Noreturn static void hold(const char *path, char **ports, int count) {
  int fds[MAX_PORTS];
  if (count < 1 || count > MAX_PORTS) {
    errno = EINVAL;
    die("ports");
  }
  for (int i = 0; i < count; i++) fds[i] = listen_on_port(ports[i]);
  struct sockaddr_un address = unix_address(path);
  int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  unlink(path);
  if (server < 0 || bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 16) < 0) die(path);
  serve(server, fds, count);
}

/* The volume may still show the socket of a holder that has gone, or none yet: both end when the holder is up. */
static int connect_to_holder(const char *path) {
  struct sockaddr_un address = unix_address(path);
  time_t deadline = time(NULL) + ATTACH_SECONDS;
  for (;;) {
    int connection = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(connection, (struct sockaddr *)&address, sizeof address) == 0) return connection;
    close(connection);
    if (time(NULL) >= deadline) die(path);
    nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
  }
}

static int check(const char *path) {
  int fds[MAX_PORTS];
  alarm(PROBE_SECONDS);
  return receive_fds(connect_to_holder(path), fds) > 0 ? 0 : 1;
}

static pid_t run_with(const int *fds, int count, char **command, const sigset_t *mask) {
  pid_t child = fork();
  if (child != 0) return child;
  char names[MAX_PORTS * 4 + 1] = "";
  int high[MAX_PORTS];
  for (int i = 0; i < count; i++) high[i] = dup2(fds[i], 64 + i); /* out of the way of the final numbers */
  for (int i = 0; i < count; i++) {
    dup2(high[i], FIRST_FD + i);
    close(high[i]);
    sprintf(names + strlen(names), "%d;", FIRST_FD + i);
  }
  setenv("NGINX", names, 1);
  sigprocmask(SIG_UNBLOCK, mask, NULL);
  execvp(command[0], command);
  die(command[0]);
}

static int attach(const char *path, char **command) {
  int fds[MAX_PORTS], connection = connect_to_holder(path), count = receive_fds(connection, fds);
  if (count == 0) {
    errno = EPROTO;
    die("no sockets from the holder");
  }
  sigset_t mask;
  sigfillset(&mask);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  pid_t child = run_with(fds, count, command, &mask);
  for (int i = 0; i < count; i++) close(fds[i]);
  struct pollfd watched[2] = {{.fd = signalfd(-1, &mask, SFD_CLOEXEC), .events = POLLIN}, {.fd = connection, .events = POLLIN}};
  for (;;) {
    poll(watched, 2, -1);
    if (watched[1].revents) { /* the holder is gone: finish what is in flight, then be restarted with new sockets */
      kill(child, SIGQUIT);
      watched[1].fd = -1;
    }
    if (!(watched[0].revents & POLLIN)) continue;
    struct signalfd_siginfo info;
    if (read(watched[0].fd, &info, sizeof info) != sizeof info) continue;
    if (info.ssi_signo != SIGCHLD) {
      kill(child, info.ssi_signo);
      continue;
    }
    int status;
    for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;)
      if (ended == child) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

static int probe(const char *path) {
  struct sockaddr_un address = unix_address(path);
  char answer[16] = "";
  alarm(PROBE_SECONDS);
  int connection = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(connection, (struct sockaddr *)&address, sizeof address) < 0) die(path);
  dprintf(connection, "GET / HTTP/1.0\r\nHost: probe\r\n\r\n");
  for (size_t got = 0; got < 10;) {
    ssize_t n = read(connection, answer + got, 12 - got);
    if (n <= 0) break;
    got += n;
  }
  return strncmp(answer, "HTTP/1.", 7) == 0 && answer[9] == '2' ? 0 : 1;
}

int main(int argc, char **argv) {
  if (argc >= 4 && strcmp(argv[1], "hold") == 0) hold(argv[2], argv + 3, argc - 3);
  if (argc >= 5 && strcmp(argv[1], "attach") == 0 && strcmp(argv[3], "--") == 0) return attach(argv[2], argv + 4);
  if (argc == 3 && strcmp(argv[1], "probe") == 0) return probe(argv[2]);
  if (argc == 3 && strcmp(argv[1], "check") == 0) return check(argv[2]);
  fprintf(stderr, "usage: gate hold <socket> <port>... | attach <socket> -- <command>... | probe <socket> | check <socket>\n");
  return 2;
}
