/*
 * with-secrets NAME=file ... -- command ...
 *
 * Puts the content of secret files into the environment and becomes the command. A value given to the engine as a
 * variable shows in `docker inspect`; a value read here does not. One trailing newline is taken off, as shells do.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_BYTES = 128 * 1024 }; /* Linux refuses a single variable above this (MAX_ARG_STRLEN) */

static char value[MAX_BYTES + 1];

_Noreturn static void fail(const char *what, const char *why) {
  fprintf(stderr, "with-secrets: %s: %s\n", what, why);
  exit(70);
}

static void load(char *pair) {
  char *file = strchr(pair, '=');
  if (!file) fail(pair, "expected NAME=file");
  *file++ = '\0';
  FILE *in = fopen(file, "r");
  if (!in) fail(file, strerror(errno));
  size_t length = fread(value, 1, sizeof value, in);
  fclose(in);
  if (length > MAX_BYTES - 1) fail(file, "larger than an environment variable can be (128 KiB)");
  if (length > 0 && value[length - 1] == '\n') length--;
  value[length] = '\0';
  if (strlen(value) != length) fail(file, "holds a NUL byte, which an environment variable cannot");
  setenv(pair, value, 1);
}

int main(int argc, char **argv) {
  int i = 1;
  for (; i < argc && strcmp(argv[i], "--") != 0; i++) load(argv[i]);
  if (i + 1 >= argc) fail("usage", "with-secrets NAME=file ... -- command ...");
  memset(value, 0, sizeof value);
  execvp(argv[i + 1], argv + i + 1);
  fail(argv[i + 1], strerror(errno));
}
