/*
 * The peer of bench/all-pairs.ts: P2PDMA verdicts as a program would find them that takes one pair at a time and walks
 * the tree for it. From the provider upwards, and at each step from the client upwards, until the two walks stand on
 * the same function. Written from the rules in words, for this benchmark only.
 *
 * usage: per-pair-walk TREE      TREE is what bench/flat-tree.ts writes
 * Reads commands on standard input: "run N" decides all pairs N times and prints the nanoseconds per time;
 * "save FILE" writes the verdicts of the last time, two little-endian 16-bit words per pair: map type, hops.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum map_type { NOT_SUPPORTED = 1, BUS_ADDR = 2, THRU_HOST_BRIDGE = 3 };

/* Request redirect, completion redirect, egress control. */
#define REDIRECT_BITS 0x2c

/* Whether the allow-list has a host bridge; looked up once here, which the walk of one pair has to do each time. */
enum trust { TRUST_NEVER = 0, TRUST_ALWAYS = 1, TRUST_SAME_ONLY = 2 };

struct function {
	struct function *upstream;
	int root;
	int has_acs;
	unsigned int acs_control;
};

struct verdict {
	uint16_t map_type;
	uint16_t hops;
};

static struct function *functions;
static struct function **endpoints;
static int *trust;
static int function_count, endpoint_count, root_count;

static void fail(const char *what)
{
	fprintf(stderr, "per-pair-walk: %s\n", what);
	exit(1);
}

static int read_number(FILE *file)
{
	int number;

	if (fscanf(file, "%d", &number) != 1)
		fail("the tree is cut short");
	return number;
}

static void *make(int count, size_t size)
{
	void *memory = calloc(count > 0 ? count : 1, size);

	if (!memory)
		fail("no memory");
	return memory;
}

static void read_tree(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file)
		fail("cannot open the tree");
	root_count = read_number(file);
	trust = make(root_count, sizeof(*trust));
	for (int i = 0; i < root_count; i++)
		trust[i] = read_number(file);
	function_count = read_number(file);
	functions = make(function_count, sizeof(*functions));
	for (int i = 0; i < function_count; i++) {
		int upstream = read_number(file);

		functions[i].upstream = upstream < 0 ? NULL : &functions[upstream];
		functions[i].root = read_number(file);
		functions[i].has_acs = read_number(file);
		functions[i].acs_control = read_number(file);
	}
	endpoint_count = read_number(file);
	endpoints = make(endpoint_count, sizeof(*endpoints));
	for (int i = 0; i < endpoint_count; i++)
		endpoints[i] = &functions[read_number(file)];
	fclose(file);
}

static int redirects(const struct function *function)
{
	return function->has_acs && (function->acs_control & REDIRECT_BITS);
}

static enum map_type through_host_bridge(int provider_root, int client_root)
{
	if (provider_root == client_root)
		return trust[provider_root] != TRUST_NEVER ? THRU_HOST_BRIDGE : NOT_SUPPORTED;
	if (trust[provider_root] == TRUST_ALWAYS && trust[client_root] == TRUST_ALWAYS)
		return THRU_HOST_BRIDGE;
	return NOT_SUPPORTED;
}

static struct verdict decide(const struct function *provider, const struct function *client)
{
	struct verdict verdict = { BUS_ADDR, 0 };
	int provider_steps = 0, client_steps = 0, redirecting = 0;

	for (const struct function *a = provider; a; a = a->upstream) {
		if (redirects(a))
			redirecting++;
		client_steps = 0;
		for (const struct function *b = client; b; b = b->upstream) {
			if (a == b) {
				for (const struct function *c = client; c != b; c = c->upstream)
					if (redirects(c))
						redirecting++;
				verdict.hops = provider_steps + client_steps;
				if (redirecting)
					verdict.map_type = through_host_bridge(provider->root, client->root);
				return verdict;
			}
			client_steps++;
		}
		provider_steps++;
	}
	verdict.hops = provider_steps + client_steps;
	verdict.map_type = through_host_bridge(provider->root, client->root);
	return verdict;
}

static void decide_all(struct verdict *verdicts)
{
	for (int i = 0; i < endpoint_count; i++)
		for (int j = 0; j < endpoint_count; j++)
			verdicts[(size_t)i * endpoint_count + j] = decide(endpoints[i], endpoints[j]);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static void save(const char *path, const struct verdict *verdicts)
{
	size_t count = (size_t)endpoint_count * endpoint_count;
	FILE *file = fopen(path, "wb");

	if (!file || fwrite(verdicts, sizeof(*verdicts), count, file) != count || fclose(file) != 0)
		fail("cannot save the verdicts");
}

int main(int argc, char **argv)
{
	char command[4096];

	if (argc != 2)
		fail("usage: per-pair-walk TREE");
	read_tree(argv[1]);

	struct verdict *verdicts = make(endpoint_count * endpoint_count, sizeof(*verdicts));

	while (fgets(command, sizeof(command), stdin)) {
		command[strcspn(command, "\n")] = '\0';
		if (strncmp(command, "run ", 4) == 0) {
			int times = atoi(command + 4);
			double start = now();

			for (int i = 0; i < times; i++)
				decide_all(verdicts);
			printf("%.0f\n", (now() - start) / times);
		} else if (strncmp(command, "save ", 5) == 0) {
			save(command + 5, verdicts);
			printf("saved\n");
		} else {
			fail("unknown command");
		}
		fflush(stdout);
	}
	return 0;
}
