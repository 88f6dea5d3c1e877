/*
 * peerlane-probe ALLOCATE BLOCK
 *
 * Takes one page of a provider's peer memory (ALLOCATE is its p2pmem/allocate in sysfs) and has the controller of BLOCK
 * write it out and read it back, past the page cache. Prints what both system calls returned:
 *
 *     write=4096 read=-22
 *
 * No C library: the guest's image holds busybox and this. Rebuild with `npm run build:guest-probe`.
 */

enum { SYS_read = 0, SYS_write = 1, SYS_open = 2, SYS_mmap = 9, SYS_pread64 = 17, SYS_pwrite64 = 18, SYS_exit = 60 };
enum { O_RDWR = 2, O_DIRECT = 040000, PROT_READ = 1, PROT_WRITE = 2, MAP_SHARED = 1, PAGE = 4096 };

static long system_call(long number, long a, long b, long c, long d, long e, long f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static void print(const char *text)
{
	long length = 0;

	while (text[length])
		length++;
	system_call(SYS_write, 1, (long)text, length, 0, 0, 0);
}

static void print_result(const char *name, long value)
{
	char digits[24];
	int at = sizeof(digits) - 1;
	unsigned long rest = value < 0 ? -value : value;

	digits[at] = 0;
	do {
		digits[--at] = '0' + rest % 10;
		rest /= 10;
	} while (rest);
	if (value < 0)
		digits[--at] = '-';
	print(name);
	print(digits + at);
}

static int failed(const char *name, long value)
{
	print_result(name, value);
	print("\n");
	return 1;
}

__attribute__((used)) static int probe(int count, char **arguments)
{
	long memory_file, memory, block;

	if (count != 3)
		return 2;
	memory_file = system_call(SYS_open, (long)arguments[1], O_RDWR, 0, 0, 0, 0);
	if (memory_file < 0)
		return failed("open-memory=", memory_file);
	memory = system_call(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory_file, 0);
	if (memory < 0 && memory > -PAGE)
		return failed("mmap=", memory);
	block = system_call(SYS_open, (long)arguments[2], O_RDWR | O_DIRECT, 0, 0, 0, 0);
	if (block < 0)
		return failed("open-block=", block);
	print_result("write=", system_call(SYS_pwrite64, block, memory, PAGE, 0, 0, 0));
	print_result(" read=", system_call(SYS_pread64, block, memory, PAGE, 0, 0, 0));
	print("\n");
	return 0;
}

__attribute__((naked, noreturn, used)) void _start(void)
{
	__asm__("mov (%rsp), %rdi\n"
		"lea 8(%rsp), %rsi\n"
		"and $-16, %rsp\n"
		"call probe\n"
		"mov %eax, %edi\n"
		"mov $60, %eax\n"
		"syscall\n");
}
