/*
 * hold
 *
 * Does nothing until SIGTERM or SIGINT ends it. What a running container mounts, no prune of the engine takes away; that is
 * all that it is for. The signals are taken by sigwait: as process 1 it would not be ended by them otherwise.
 */
#include <signal.h>
#include <stddef.h>

int main(void) {
  sigset_t ends;
  int signal;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  sigprocmask(SIG_BLOCK, &ends, NULL);
  return sigwait(&ends, &signal);
}
