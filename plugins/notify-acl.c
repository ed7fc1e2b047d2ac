#include "lib.h"
#include "array.h"
#include "module-context.h"
#include "module-dir.h"
#include "mail-namespace.h"
#include "mail-storage-service.h"
#include "acl-api-private.h"
#include "acl-cache.h"
#include "acl-plugin.h"
#include "dovecot-compat.h"

#include "notify-acl.h"

/* Looked up when they are needed: nobody has to load the acl plugin for our sake, and it
 * may come with a later user of this process. */
struct acl_functions {
	struct acl_mailbox_list_module *list_module;
	typeof(acl_object_init_from_name) *object_init;
	typeof(acl_object_deinit) *object_deinit;
	typeof(acl_object_have_right) *have_right;
	typeof(acl_backend_lookup_right) *lookup_right;
	typeof(acl_cache_flush) *cache_flush;
	typeof(acl_backend_nonowner_lookups_iter_init) *visible_init;
	typeof(acl_backend_nonowner_lookups_iter_deinit) *visible_deinit;
};

static bool acl_functions_load(struct acl_functions *acl, struct module *module)
{
	return (acl->list_module = module_get_symbol(module, "acl_mailbox_list_module")) != NULL &&
	       (acl->object_init = module_get_symbol(module, "acl_object_init_from_name")) !=
		       NULL &&
	       (acl->object_deinit = module_get_symbol(module, "acl_object_deinit")) != NULL &&
	       (acl->have_right = module_get_symbol(module, "acl_object_have_right")) != NULL &&
	       (acl->lookup_right = module_get_symbol(module, "acl_backend_lookup_right")) !=
		       NULL &&
	       (acl->cache_flush = module_get_symbol(module, "acl_cache_flush")) != NULL &&
	       (acl->visible_init = module_get_symbol(
			module, "acl_backend_nonowner_lookups_iter_init")) != NULL &&
	       (acl->visible_deinit = module_get_symbol(
			module, "acl_backend_nonowner_lookups_iter_deinit")) != NULL;
}

/* NULL: the acl plugin is not loaded, or is not the one we know, which was logged. */
static const struct acl_functions *acl_functions(void)
{
	static struct acl_functions functions;
	static bool loaded;
	struct module *module;

	if (!loaded) {
		module = module_dir_find(mail_storage_service_modules, "acl");
		loaded = module != NULL && acl_functions_load(&functions, module);
	}
	return loaded ? &functions : NULL;
}

/* NULL: everything is allowed. */
static struct acl_backend *acl_backend_of(const struct acl_functions *acl,
					  struct mail_namespace *ns)
{
	struct acl_mailbox_list *list;

	if (acl == NULL || (ns->flags & NAMESPACE_FLAG_NOACL) != 0)
		return NULL;
	list = MODULE_CONTEXT(ns->list, *acl->list_module);
	if (list == NULL || list->rights.backend == NULL || fantail_acl_ignored(list))
		return NULL;
	return list->rights.backend;
}

static enum notify_access access_of(const struct acl_functions *acl, struct acl_backend *backend,
				    struct acl_object *object)
{
	if (acl->have_right(object, acl->lookup_right(backend, MAIL_ACL_LOOKUP)) <= 0)
		return NOTIFY_ACCESS_NONE;
	return acl->have_right(object, acl->lookup_right(backend, MAIL_ACL_READ)) > 0
		       ? NOTIFY_ACCESS_READ
		       : NOTIFY_ACCESS_LIST;
}

bool notify_acl_active(struct mail_namespace *ns)
{
	return acl_backend_of(acl_functions(), ns) != NULL;
}

bool notify_acl_guards(struct mail_namespace *ns)
{
	return ns->type != MAIL_NAMESPACE_TYPE_PRIVATE && notify_acl_active(ns);
}

enum notify_access notify_acl_access(struct mail_namespace *ns, const char *vname, bool anew)
{
	const struct acl_functions *acl = acl_functions();
	struct acl_backend *backend = acl_backend_of(acl, ns);
	struct acl_mailbox_list_context *visible;
	struct acl_object *object;
	enum notify_access access;

	if (backend == NULL)
		return NOTIFY_ACCESS_READ;
	object = acl->object_init(backend, mailbox_list_get_storage_name(ns->list, vname));
	if (anew) {
		/* A backend that sees a mailbox's rights change writes anew its list of what
		 * others may see, unless that is being walked through. Who changed them has
		 * written it already; if every guest who is told did so too, at the same
		 * time, an old list might replace a newer one. */
		visible = acl->visible_init(backend);
		acl->cache_flush(backend->cache, object->name);
		access = access_of(acl, backend, object);
		(void)acl->visible_deinit(&visible);
	} else {
		access = access_of(acl, backend, object);
	}
	acl->object_deinit(&object);
	return access;
}
