// draw.h: numbers drawn from a seed, the same on Linux and in a cell.
//
//	state = seed;
//	any(6) // 0 to 5
#ifndef DRAW_H
#define DRAW_H

#include <stdint.h>

static uint64_t state;

static unsigned any(unsigned below)
{
	state = state * 6364136223846793005UL + 1442695040888963407UL;
	return (state >> 33) % below;
}

#endif
