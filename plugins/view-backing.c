#include "lib.h"

#include "view-backing.h"
#include "view-private.h"

struct mailbox *view_backing(struct mailbox *box)
{
	while (box != NULL && strcmp(box->storage->name, VIEW_STORAGE_NAME) == 0 &&
	       view_of(box)->backing != NULL)
		box = view_of(box)->backing;
	return box;
}
