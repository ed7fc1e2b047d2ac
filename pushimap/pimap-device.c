#include "pimap-device.h"

#include <string.h>

#define DEVICE_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

bool pimap_device_valid(const char *device)
{
	size_t len = strlen(device);

	return len > 0 && len <= LIMIT_PIMAP_DEVICE && device[0] != '.' &&
	       strspn(device, DEVICE_CHARS) == len;
}

bool pimap_device_from_login(const char *login, char device_r[PIMAP_DEVICE_SIZE])
{
	const char *device = strchr(login, '#');
	size_t len;

	/* In joe@foo.com#P42 Dovecot would take the device for the domain. */
	if (device == NULL || device == login || strcspn(login, "@#") < (size_t)(device - login))
		return false;
	device++;
	len = strcspn(device, "@");
	if (len >= PIMAP_DEVICE_SIZE)
		return false;
	memcpy(device_r, device, len);
	device_r[len] = '\0';
	return pimap_device_valid(device_r);
}
