/*
 * The peer of the copy benchmark: the same copy as plain C. `depth` threads take chunks in turn; each reads one from
 * the source into its slot of the memory and writes it to the target, both with O_DIRECT.
 *
 * p2pmem-copy SOURCE TARGET MEMORY CHUNK DEPTH BYTES
 * MEMORY is a p2pmem/allocate file, or "dram". Prints the seconds from the first read to the end of the last flush.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int source, target;
static char *memory;
static long chunk, total, next;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void *work(void *slot)
{
	char *mine = memory + (long)slot * chunk;

	for (;;) {
		long start = __atomic_fetch_add(&next, chunk, __ATOMIC_RELAXED);
		long length = total - start < chunk ? total - start : chunk;

		if (start >= total)
			return NULL;
		if (pread(source, mine, length, start) != length)
			fail("read");
		if (pwrite(target, mine, length, start) != length)
			fail("write");
	}
}

static void *map(const char *name, long bytes)
{
	void *mapped;
	int file;

	if (strcmp(name, "dram") == 0)
		return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	file = open(name, O_RDWR);
	if (file < 0)
		fail(name);
	mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	return mapped;
}

int main(int count, char **words)
{
	pthread_t threads[64];
	struct timespec begin, end;
	long depth;

	if (count != 7)
		return 2;
	chunk = atol(words[4]);
	depth = atol(words[5]);
	total = atol(words[6]);
	if (depth < 1 || depth > 64)
		return 2;
	source = open(words[1], O_RDONLY | O_DIRECT);
	target = open(words[2], O_RDWR | O_DIRECT);
	memory = map(words[3], chunk * depth);
	if (source < 0 || target < 0 || memory == MAP_FAILED)
		fail("open");
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (long slot = 0; slot < depth; slot++)
		pthread_create(&threads[slot], NULL, work, (void *)slot);
	for (long slot = 0; slot < depth; slot++)
		pthread_join(threads[slot], NULL);
	if (fdatasync(target) != 0)
		fail("flush");
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%.6f\n", end.tv_sec - begin.tv_sec + (end.tv_nsec - begin.tv_nsec) / 1e9);
	return 0;
}
