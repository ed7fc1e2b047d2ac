/* A contact as the store keeps it is the same contact; and what a device sends back of what it
 * was given is no change, however poor the device. */
#include "item.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pim_style style;

static void check_stored(const struct pim_item *item)
{
	g_autoptr(GBytes) stored = pim_item_stored(item);
	g_autoptr(pim_item_t) loaded = NULL;
	guint8 before[16], after[16];
	gsize len;
	const void *text = g_bytes_get_data(stored, &len);

	loaded = pim_item_load(PIM_CONTACT, text, len, NULL);
	assert(loaded != NULL);
	pim_item_hash(item, before);
	pim_item_hash(loaded, after);
	assert(memcmp(before, after, sizeof(before)) == 0);
}

static void check_sent(const struct pim_item *item, enum pim_format format,
		       const struct pim_capability *capability)
{
	GString *text = pim_item_write(item, format, &style, capability);
	g_autoptr(pim_item_t) back = pim_item_parse(format, text->str, text->len, &style, NULL);
	g_autoptr(pim_item_t) projected = pim_item_project(item, format, &style, capability);
	struct pim_groups had, has;

	assert(back != NULL);
	pim_item_groups(projected, &had);
	pim_item_groups(back, &has);
	assert(pim_groups_differ(&had, &has) == 0);
	g_string_free(text, TRUE);
}

static struct pim_property_limit limits[] = {
	{.name = (char *)"N", .max_size = 10},
	{.name = (char *)"TEL", .max_size = 8, .max_occur = 2},
	{.name = (char *)"NOTE", .max_size = 3},
	{.name = (char *)"EMAIL", .max_size = 5, .no_truncate = TRUE},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(pim_item_t) item =
		pim_item_parse(PIM_VCARD_3_0, (const char *)data, size, &style, NULL);
	g_autoptr(GHashTable) properties = g_hash_table_new(g_str_hash, g_str_equal);
	struct pim_capability poor = {properties, PIM_COMPONENT_BIT(PIM_CONTACT)};

	if (item == NULL || pim_item_component(item) != PIM_CONTACT)
		return 0;
	for (guint i = 0; i < G_N_ELEMENTS(limits); i++)
		g_hash_table_insert(properties, limits[i].name, &limits[i]);
	check_stored(item);
	/* In one of the three, to a good device or a poor one: a run should be short. */
	check_sent(item, PIM_VCARD_2_1 + size % 3, size / 3 % 2 == 0 ? NULL : &poor);
	return 0;
}
