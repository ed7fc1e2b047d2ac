/*
 * Preloaded into syncevolution 2.0.0 of Debian 12, which gives curl_easy_setopt(), a function of
 * variable arguments, C++ lambda objects for the two callbacks, where libcurl takes their bytes
 * for an address and crashes. In their place go functions of C that call the same methods.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <stddef.h>

enum {
	WRITEFUNCTION = 20011, /* CURLOPT_... of curl/curl.h */
	READFUNCTION = 20012,
};

/* SyncEvo::CurlTransportAgent::readData(void *, size_t) and writeData() */
size_t agent_read(void *agent, void *buffer,
		  size_t size) __asm__("_ZN7SyncEvo18CurlTransportAgent8readDataEPvm")
	__attribute__((weak));
size_t agent_write(void *agent, void *buffer,
		   size_t size) __asm__("_ZN7SyncEvo18CurlTransportAgent9writeDataEPvm")
	__attribute__((weak));

static size_t read_data(void *buffer, size_t size, size_t count, void *agent)
{
	return agent_read(agent, buffer, size * count);
}

static size_t write_data(void *buffer, size_t size, size_t count, void *agent)
{
	return agent_write(agent, buffer, size * count);
}

int curl_easy_setopt(void *curl, int option, ...) __attribute__((visibility("default")));

int curl_easy_setopt(void *curl, int option, ...)
{
	static int (*real)(void *, int, ...);
	void *value;
	va_list args;

	if (real == NULL)
		real = (int (*)(void *, int, ...))dlsym(RTLD_NEXT, "curl_easy_setopt");
	/* Every value fits the register of a pointer on the machines Debian builds for with
	 * 64 bits, curl_off_t too. */
	va_start(args, option);
	value = va_arg(args, void *);
	va_end(args);
	if (option == WRITEFUNCTION && agent_write != NULL)
		return real(curl, option, write_data);
	if (option == READFUNCTION && agent_read != NULL)
		return real(curl, option, read_data);
	return real(curl, option, value);
}
