#include <unistd.h>
static char big[1<<20];
int main(int c, char **v) { big[c] = 1; write(1, "hello\n", 6); return 0; }
