#include "wap-push.h"

#include <string.h>

#define PDU_PUSH 0x06                    /* WSP table 34 */
#define HEADER_X_WAP_APPLICATION_ID 0x2f /* WSP table 39 */
#define APPLICATION_PUSH_SYNCML 0x05     /* OMNA, "WAP push application ids" */
#define APPLICATION_EMN_UA 0x09
/* A number below 128 in one octet (WSP 8.4.2.1, Short-integer). */
#define SHORT(number) (0x80 | (number))

#define PORT_PUSH 2948   /* WDP: connectionless push */
#define PORT_SOURCE 9200 /* WDP: connectionless session service; nobody answers */
#define IE_CONCATENATED 0x00
#define IE_PORTS_16 0x05
#define UDH_SINGLE 7
#define UDH_PART 12

size_t wap_push_encode(uint8_t transaction, enum wap_content_type type, const void *content,
		       size_t len, uint8_t *pdu)
{
	uint8_t *p = pdu, *headers_len;

	*p++ = transaction;
	*p++ = PDU_PUSH;
	headers_len = p++; /* a uintvar; below 128 it is an octet */
	if (type < 0x80) {
		*p++ = SHORT(type);
	} else {
		/* Content-general-form: length of the value; a Long-integer is the
		 * number of its octets and these. */
		*p++ = 3;
		*p++ = 2;
		*p++ = (uint8_t)(type >> 8);
		*p++ = (uint8_t)type;
	}
	*p++ = SHORT(HEADER_X_WAP_APPLICATION_ID);
	*p++ = SHORT(type == WAP_EMN_WBXML || type == WAP_TEXT_PLAIN ? APPLICATION_EMN_UA
								     : APPLICATION_PUSH_SYNCML);
	*headers_len = (uint8_t)(p - headers_len - 1);
	memcpy(p, content, len);
	return (size_t)(p - pdu) + len;
}

struct ports {
	uint16_t to, from;
};

static size_t put_udh(uint8_t *udh, size_t total, struct ports ports, uint8_t reference,
		      size_t total_parts, size_t part)
{
	uint8_t *p = udh;

	*p++ = (uint8_t)(total - 1);
	*p++ = IE_PORTS_16;
	*p++ = 4;
	*p++ = (uint8_t)(ports.to >> 8);
	*p++ = (uint8_t)ports.to;
	*p++ = (uint8_t)(ports.from >> 8);
	*p++ = (uint8_t)ports.from;
	if (total_parts > 1) {
		*p++ = IE_CONCATENATED;
		*p++ = 3;
		*p++ = reference;
		*p++ = (uint8_t)total_parts;
		*p++ = (uint8_t)(part + 1);
	}
	return (size_t)(p - udh);
}

static size_t split(const uint8_t *data, size_t len, struct ports ports, uint8_t reference,
		    struct wap_sms *parts, size_t max)
{
	bool single = len <= WAP_SMS_OCTETS - UDH_SINGLE;
	size_t udh = single ? UDH_SINGLE : UDH_PART, room = WAP_SMS_OCTETS - udh;
	size_t count = single ? 1 : (len + room - 1) / room;

	if (count > max || count > UINT8_MAX)
		return 0;
	for (size_t i = 0; i < count; i++) {
		parts[i].udh_len = put_udh(parts[i].udh, udh, ports, reference, count, i);
		parts[i].data = data + i * room;
		parts[i].len = i + 1 < count ? room : len - i * room;
	}
	return count;
}

size_t wap_sms_split(const uint8_t *pdu, size_t len, uint8_t reference, struct wap_sms *parts,
		     size_t max)
{
	const struct ports ports = {.to = PORT_PUSH, .from = PORT_SOURCE};

	return split(pdu, len, ports, reference, parts, max);
}

size_t wap_sms_split_port(const uint8_t *data, size_t len, uint16_t port, uint8_t reference,
			  struct wap_sms *parts, size_t max)
{
	const struct ports ports = {.to = port, .from = port};

	return split(data, len, ports, reference, parts, max);
}

size_t wap_wdp_cdma(const uint8_t *data, size_t len, uint16_t port, uint8_t *out)
{
	uint8_t *p = out;

	if (len > WAP_SMS_OCTETS - WAP_WDP_HEADER)
		return 0;
	*p++ = 0; /* WDP */
	*p++ = 1; /* segments */
	*p++ = 0; /* this one */
	*p++ = (uint8_t)(port >> 8);
	*p++ = (uint8_t)port;
	*p++ = (uint8_t)(port >> 8);
	*p++ = (uint8_t)port;
	memcpy(p, data, len);
	return (size_t)(p - out) + len;
}
