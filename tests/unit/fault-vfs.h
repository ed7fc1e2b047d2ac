/*
 * SQLite's usual file layer, but the Nth write (or sync) to a file fails. To walk
 * through a scenario failing the first, the second, ... the last.
 */
#ifndef FANTAIL_TESTS_FAULT_VFS_H
#define FANTAIL_TESTS_FAULT_VFS_H

#include <glib.h>
#include <sqlite3.h>
#include <string.h>

/* Writes and syncs so far; the one with number `fault_at` (0 = none), and with
 * `fault_lasts` all later ones, gives `fault_code`. */
static volatile int fault_calls, fault_at, fault_code;
static volatile gboolean fault_lasts;

struct fault_file {
	sqlite3_file base;
	sqlite3_io_methods methods;
	sqlite3_file *real;
};

static sqlite3_vfs *fault_real_vfs;

static sqlite3_file *fault_real(sqlite3_file *file)
{
	return ((struct fault_file *)(void *)file)->real;
}

static int fault_hit(void)
{
	int call = g_atomic_int_add(&fault_calls, 1) + 1;
	int at = g_atomic_int_get(&fault_at);

	if (at > 0 && (call == at || (fault_lasts && call > at)))
		return g_atomic_int_get(&fault_code);
	return SQLITE_OK;
}

static int fault_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
	int rc = fault_hit();

	if (rc == SQLITE_OK)
		return fault_real(file)->pMethods->xWrite(fault_real(file), data, len, offset);
	/* As a disk does: some of it got there. */
	(void)fault_real(file)->pMethods->xWrite(fault_real(file), data, len / 2, offset);
	return rc;
}

static int fault_sync(sqlite3_file *file, int flags)
{
	int rc = fault_hit();

	return rc != SQLITE_OK ? rc : fault_real(file)->pMethods->xSync(fault_real(file), flags);
}

static int fault_close(sqlite3_file *file)
{
	int rc = fault_real(file)->pMethods->xClose(fault_real(file));

	g_free(fault_real(file));
	return rc;
}

#define FAULT_PASS(name, params, args)                        \
	static int fault_##name params                        \
	{                                                     \
		return fault_real(file)->pMethods->name args; \
	}
FAULT_PASS(xRead, (sqlite3_file * file, void *data, int len, sqlite3_int64 offset),
	   (fault_real(file), data, len, offset))
FAULT_PASS(xTruncate, (sqlite3_file * file, sqlite3_int64 size), (fault_real(file), size))
FAULT_PASS(xFileSize, (sqlite3_file * file, sqlite3_int64 *size_r), (fault_real(file), size_r))
FAULT_PASS(xLock, (sqlite3_file * file, int level), (fault_real(file), level))
FAULT_PASS(xUnlock, (sqlite3_file * file, int level), (fault_real(file), level))
FAULT_PASS(xCheckReservedLock, (sqlite3_file * file, int *held_r), (fault_real(file), held_r))
FAULT_PASS(xFileControl, (sqlite3_file * file, int op, void *arg), (fault_real(file), op, arg))
FAULT_PASS(xSectorSize, (sqlite3_file * file), (fault_real(file)))
FAULT_PASS(xDeviceCharacteristics, (sqlite3_file * file), (fault_real(file)))
FAULT_PASS(xShmMap, (sqlite3_file * file, int page, int size, int extend, void volatile **map_r),
	   (fault_real(file), page, size, extend, map_r))
FAULT_PASS(xShmLock, (sqlite3_file * file, int offset, int count, int flags),
	   (fault_real(file), offset, count, flags))
FAULT_PASS(xShmUnmap, (sqlite3_file * file, int remove), (fault_real(file), remove))

static void fault_xShmBarrier(sqlite3_file *file)
{
	fault_real(file)->pMethods->xShmBarrier(fault_real(file));
}

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
		      int *flags_r)
{
	struct fault_file *fault = (struct fault_file *)(void *)file;
	int rc;

	memset(fault, 0, sizeof(*fault));
	fault->real = g_malloc0((gsize)fault_real_vfs->szOsFile);
	rc = fault_real_vfs->xOpen(fault_real_vfs, name, fault->real, flags, flags_r);
	if (rc != SQLITE_OK) {
		g_free(fault->real);
		return rc;
	}
	fault->methods = (sqlite3_io_methods){
		.iVersion = 2,
		.xClose = fault_close,
		.xRead = fault_xRead,
		.xWrite = fault_write,
		.xTruncate = fault_xTruncate,
		.xSync = fault_sync,
		.xFileSize = fault_xFileSize,
		.xLock = fault_xLock,
		.xUnlock = fault_xUnlock,
		.xCheckReservedLock = fault_xCheckReservedLock,
		.xFileControl = fault_xFileControl,
		.xSectorSize = fault_xSectorSize,
		.xDeviceCharacteristics = fault_xDeviceCharacteristics,
		.xShmMap = fault_xShmMap,
		.xShmLock = fault_xShmLock,
		.xShmBarrier = fault_xShmBarrier,
		.xShmUnmap = fault_xShmUnmap,
	};
	fault->base.pMethods = &fault->methods;
	return SQLITE_OK;
}

/* From now on every database is opened through it. */
static inline void fault_vfs_install(void)
{
	static sqlite3_vfs vfs;

	fault_real_vfs = sqlite3_vfs_find(NULL);
	vfs = *fault_real_vfs;
	vfs.zName = "fault";
	vfs.szOsFile = sizeof(struct fault_file);
	vfs.xOpen = fault_open;
	vfs.pNext = NULL;
	g_assert_cmpint(sqlite3_vfs_register(&vfs, 1), ==, SQLITE_OK);
}

#endif
