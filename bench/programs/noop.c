// noop measures start to exit: a program that does nothing.
//
// It ends with 42, not 0, so that its exit status proves that it ran: no
// runtime that fails to start a program reports that number.

int main(void)
{
	return 42;
}
