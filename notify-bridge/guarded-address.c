#include "guarded-address.h"

#include "limits.h"
#include "url-guard.h"

/* --- one walk over the addresses ------------------------------------------ */

struct _GuardedEnumerator {
	GSocketAddressEnumerator parent;
	struct url_guard *guard;
	struct url_parts parts;
	gboolean resolved;
	GQueue addresses; /* GInetAddress * */
};

#define GUARDED_TYPE_ENUMERATOR (guarded_enumerator_get_type())
G_DECLARE_FINAL_TYPE(GuardedEnumerator, guarded_enumerator, GUARDED, ENUMERATOR,
		     GSocketAddressEnumerator)
G_DEFINE_TYPE(GuardedEnumerator, guarded_enumerator, G_TYPE_SOCKET_ADDRESS_ENUMERATOR)

static GSocketAddress *enumerator_pop(GuardedEnumerator *self)
{
	g_autoptr(GInetAddress) address = g_queue_pop_head(&self->addresses);

	return address != NULL ? g_inet_socket_address_new(address, self->parts.port) : NULL;
}

static void enumerator_resolved(GObject *source, GAsyncResult *result, gpointer data)
{
	g_autoptr(GTask) task = data;
	GuardedEnumerator *self = g_task_get_source_object(task);
	g_autoptr(GError) error = NULL;
	GList *found = url_guard_resolve_finish(result, &error);

	if (found == NULL) {
		g_task_return_error(task, g_steal_pointer(&error));
		return;
	}
	self->resolved = TRUE;
	for (GList *l = found; l != NULL && self->addresses.length < LIMIT_CONNECT_ADDRESSES;
	     l = l->next)
		g_queue_push_tail(&self->addresses, g_object_ref(l->data));
	g_resolver_free_addresses(found);
	g_task_return_pointer(task, enumerator_pop(self), g_object_unref);
}

static void enumerator_next_async(GSocketAddressEnumerator *enumerator, GCancellable *cancellable,
				  GAsyncReadyCallback callback, gpointer data)
{
	GuardedEnumerator *self = GUARDED_ENUMERATOR(enumerator);
	g_autoptr(GTask) task = g_task_new(self, cancellable, callback, data);

	if (self->resolved)
		g_task_return_pointer(task, enumerator_pop(self), g_object_unref);
	else
		url_guard_resolve_async(self->guard, &self->parts, NULL, cancellable,
					enumerator_resolved, g_steal_pointer(&task));
}

static GSocketAddress *enumerator_next_finish(GSocketAddressEnumerator *enumerator,
					      GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

/* Would block, which nobody in the bridge may. */
static GSocketAddress *enumerator_next(GSocketAddressEnumerator *enumerator,
				       GCancellable *cancellable, GError **error)
{
	g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
			    "addresses are looked up asynchronously only");
	return NULL;
}

static void enumerator_finalize(GObject *object)
{
	GuardedEnumerator *self = GUARDED_ENUMERATOR(object);

	url_guard_unref(self->guard);
	url_parts_clear(&self->parts);
	g_queue_clear_full(&self->addresses, g_object_unref);
	G_OBJECT_CLASS(guarded_enumerator_parent_class)->finalize(object);
}

static void guarded_enumerator_class_init(GuardedEnumeratorClass *class)
{
	GSocketAddressEnumeratorClass *enumerator = G_SOCKET_ADDRESS_ENUMERATOR_CLASS(class);

	enumerator->next = enumerator_next;
	enumerator->next_async = enumerator_next_async;
	enumerator->next_finish = enumerator_next_finish;
	G_OBJECT_CLASS(class)->finalize = enumerator_finalize;
}

static void guarded_enumerator_init(GuardedEnumerator *self)
{
	g_queue_init(&self->addresses);
}

/* --- the address --------------------------------------------------------- */

struct _GuardedAddress {
	GNetworkAddress parent;
	struct url_guard *guard;
	struct url_parts parts;
};

static void connectable_init(GSocketConnectableIface *iface);

#define GUARDED_TYPE_ADDRESS (guarded_address_get_type())
G_DECLARE_FINAL_TYPE(GuardedAddress, guarded_address, GUARDED, ADDRESS, GNetworkAddress)
G_DEFINE_TYPE_WITH_CODE(GuardedAddress, guarded_address, G_TYPE_NETWORK_ADDRESS,
			G_IMPLEMENT_INTERFACE(G_TYPE_SOCKET_CONNECTABLE, connectable_init))

static GSocketAddressEnumerator *address_enumerate(GSocketConnectable *connectable)
{
	GuardedAddress *self = GUARDED_ADDRESS(connectable);
	GuardedEnumerator *enumerator = g_object_new(GUARDED_TYPE_ENUMERATOR, NULL);

	enumerator->guard = url_guard_ref(self->guard);
	url_parts_copy(&enumerator->parts, &self->parts);
	return G_SOCKET_ADDRESS_ENUMERATOR(enumerator);
}

static void connectable_init(GSocketConnectableIface *iface)
{
	iface->enumerate = address_enumerate;
	/* Proxies are not asked. */
	iface->proxy_enumerate = address_enumerate;
}

static void address_finalize(GObject *object)
{
	GuardedAddress *self = GUARDED_ADDRESS(object);

	url_guard_unref(self->guard);
	url_parts_clear(&self->parts);
	G_OBJECT_CLASS(guarded_address_parent_class)->finalize(object);
}

static void guarded_address_class_init(GuardedAddressClass *class)
{
	G_OBJECT_CLASS(class)->finalize = address_finalize;
}

static void guarded_address_init(GuardedAddress *self)
{
}

GSocketConnectable *guarded_address_new(struct url_guard *guard, const struct url_parts *parts)
{
	GuardedAddress *self =
		g_object_new(GUARDED_TYPE_ADDRESS, "hostname", parts->host, "port",
			     (guint)parts->port, "scheme", parts->secure ? "https" : "http", NULL);

	self->guard = url_guard_ref(guard);
	url_parts_copy(&self->parts, parts);
	return G_SOCKET_CONNECTABLE(self);
}
