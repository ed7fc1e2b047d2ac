#include "scripted-resolver.h"

struct _ScriptedResolver {
	GResolver parent;
	char **answers;
	guint count;
};

#define SCRIPTED_TYPE_RESOLVER (scripted_resolver_get_type())
G_DECLARE_FINAL_TYPE(ScriptedResolver, scripted_resolver, SCRIPTED, RESOLVER, GResolver)
G_DEFINE_TYPE(ScriptedResolver, scripted_resolver, G_TYPE_RESOLVER)

static void free_addresses(gpointer data)
{
	g_resolver_free_addresses(data);
}

static void lookup_async(GResolver *resolver, const char *name, GCancellable *cancellable,
			 GAsyncReadyCallback callback, gpointer data)
{
	ScriptedResolver *self = SCRIPTED_RESOLVER(resolver);
	g_autoptr(GTask) task = g_task_new(self, cancellable, callback, data);
	guint answers = g_strv_length(self->answers);
	/* GLib splits "" into nothing at all. */
	const char *answer = answers > 0 ? self->answers[MIN(self->count, answers - 1)] : "";
	g_auto(GStrv) words = g_strsplit(answer, " ", -1);
	GList *list = NULL;

	self->count++;
	for (char **word = words; *word != NULL; word++) {
		GInetAddress *address = g_inet_address_new_from_string(*word);

		g_assert_nonnull(address);
		list = g_list_append(list, address);
	}
	if (list != NULL)
		g_task_return_pointer(task, list, free_addresses);
	else
		g_task_return_new_error(task, G_RESOLVER_ERROR, G_RESOLVER_ERROR_NOT_FOUND,
					"no such name");
}

static void lookup_flags_async(GResolver *resolver, const char *name,
			       GResolverNameLookupFlags flags, GCancellable *cancellable,
			       GAsyncReadyCallback callback, gpointer data)
{
	lookup_async(resolver, name, cancellable, callback, data);
}

static GList *lookup_finish(GResolver *resolver, GAsyncResult *result, GError **error)
{
	return g_task_propagate_pointer(G_TASK(result), error);
}

static void scripted_resolver_finalize(GObject *object)
{
	g_strfreev(SCRIPTED_RESOLVER(object)->answers);
	G_OBJECT_CLASS(scripted_resolver_parent_class)->finalize(object);
}

static void scripted_resolver_class_init(ScriptedResolverClass *class)
{
	GResolverClass *resolver = G_RESOLVER_CLASS(class);

	resolver->lookup_by_name_async = lookup_async;
	resolver->lookup_by_name_finish = lookup_finish;
	resolver->lookup_by_name_with_flags_async = lookup_flags_async;
	resolver->lookup_by_name_with_flags_finish = lookup_finish;
	G_OBJECT_CLASS(class)->finalize = scripted_resolver_finalize;
}

static void scripted_resolver_init(ScriptedResolver *self)
{
}

GResolver *scripted_resolver_new(const char *script)
{
	ScriptedResolver *self = g_object_new(SCRIPTED_TYPE_RESOLVER, NULL);

	self->answers = g_strsplit(script, "/", -1);
	return G_RESOLVER(self);
}

guint scripted_resolver_count(GResolver *resolver)
{
	return SCRIPTED_RESOLVER(resolver)->count;
}
