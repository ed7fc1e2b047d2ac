/*
 * WAP push over SMS, as far as package #0 of SyncML and EMN need it: the push PDU of the
 * connectionless session protocol (WAP-230-WSP, 8.2.4.1), and its way into short
 * messages (3GPP TS 23.040, 9.2.3.24: ports and concatenation). Pure; encodes only.
 */
#ifndef FANTAIL_WAP_PUSH_H
#define FANTAIL_WAP_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Content types by their assigned numbers (OMNA, "WSP content type codes"). */
enum wap_content_type {
	WAP_TEXT_PLAIN = 0x03,
	WAP_SYNCML_DS_NOTIFICATION = 0x4e, /* application/vnd.syncml.ds.notification */
	WAP_SYNCML_XML = 0x0302,           /* application/vnd.syncml+xml */
	WAP_SYNCML_WBXML = 0x0303,         /* application/vnd.syncml+wbxml */
	WAP_EMN_WBXML = 0x030a,            /* application/vnd.wap.emn+wbxml */
};

/* Octets of a push PDU before its content, at the most. */
#define WAP_PUSH_HEADER 16

/* Writes the PDU with the application id that phones look at, "push.syncml" or, for EMN and text,
 * "emn.ua", to `pdu`, which holds WAP_PUSH_HEADER + len octets. Returns its length. `transaction`
 * tells one push from another. */
size_t wap_push_encode(uint8_t transaction, enum wap_content_type type, const void *content,
		       size_t len, uint8_t *pdu);

/* User data of one short message: 140 octets. */
#define WAP_SMS_OCTETS 140
#define WAP_SMS_UDH 12

struct wap_sms {
	uint8_t udh[WAP_SMS_UDH]; /* user data header, with its length octet */
	size_t udh_len;
	const uint8_t *data; /* borrowed from the PDU */
	size_t len;
};

/* Cuts a PDU into messages to port 2948. One that fits goes without a concatenation
 * header; the others are put together by `reference`, which should differ from that of
 * the last few to the same phone, and be the same when they are sent again. Returns how
 * many there are; 0 if that would be more than `max` (255 at the most). */
size_t wap_sms_split(const uint8_t *pdu, size_t len, uint8_t reference, struct wap_sms *parts,
		     size_t max);

/* The same for what is no PDU of WAP push, to any port, from the same. */
size_t wap_sms_split_port(const uint8_t *data, size_t len, uint16_t port, uint8_t reference,
			  struct wap_sms *parts, size_t max);

/* CDMA has no user data header: WDP's own stands before the data (WAP-259-WDP, mapping to
 * TIA/EIA-637). */
#define WAP_WDP_HEADER 7
/* Writes header and data to `out`, which holds WAP_SMS_OCTETS, and returns the length. 0: it
 * takes more than one message, whose parts would have to have one message id, which no gateway
 * lets us say. */
size_t wap_wdp_cdma(const uint8_t *data, size_t len, uint16_t port, uint8_t *out);

#endif
