/* The catalogue of golden images: IMAGES/NAME/VERSION/ holds image.ini and the files that it names. A version is never
 * changed once it is there; it is made aside and renamed into place, so that a reader sees all of it or nothing.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <gio/gio.h>

#define IMAGE_FILE "image.ini"
#define IMAGE_IN_USE_FILE "in-use" /* IMAGES/NAME/in-use: the version that NAME stands for; not there: the newest */

typedef enum { IMAGE_BOOT_KERNEL, IMAGE_BOOT_DISK } ImageBoot;

typedef struct {
	char *name, *version, *title, *os;
	char *folder;		       /* IMAGES/NAME/VERSION */
	char *disk;		       /* absolute paths from here on; qcow2 without a backing file */
	char *kernel, *initrd;	       /* NULL with Boot=disk */
	char *efi_kernel;	       /* the same kernel as a UEFI starts it; NULL: there is none, or Boot=disk */
	char *cmdline;		       /* NULL with Boot=disk */
	int boot;		       /* ImageBoot */
	gboolean agent;		       /* carrel-agent is in it */
	char *created;		       /* ISO 8601, UTC */
	gint64 bytes;		       /* of its files on disk */
} Image;

void image_free(Image *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Image, image_free)

/* NAME@VERSION. Free with g_free. */
char *image_reference(const Image *image);

/* [A-Za-z0-9][A-Za-z0-9._-]{0,63}: a name or a version, which is also the name of a folder. */
gboolean image_name_is_valid(const char *name);
/* NAME or NAME@VERSION */
gboolean image_reference_is_valid(const char *reference);

/* The image in @folder, whose name and version must be @name and @version where those are not NULL. CONFIG when its
 * image.ini is not good or names a file that is not there, NOT_FOUND when there is none. */
Image *image_read(const char *folder, const char *name, const char *version, GError **error);

/* NAME@VERSION, or the version of NAME that is in use: the newest (by Created=, then by version) that is whole, unless another was
 * named by image_use(). NOT_FOUND, or CONFIG. */
Image *image_resolve(const char *images, const char *reference, GError **error);

/* Of two versions of an image: negative where @x is the newer one, positive where it is the older one. */
int image_compare_age(const Image *x, const Image *y);

/* From now on NAME stands for VERSION (or, with NAME alone, for its newest). NOT_FOUND, CONFIG. */
gboolean image_use(const char *images, const char *reference, GError **error);

/* The version that @name was made to stand for, or NULL: its newest. Free with g_free. */
char *image_version_in_use(const char *images, const char *name);

/* Every image (Image *, freed by the array) by name, newest first. Versions that are not whole are left out, and
 * reported in @faults (char *, may be NULL). A catalogue that is not there yet is empty. */
GPtrArray *images_list(const char *images, GPtrArray *faults, GError **error);

/* The two that follow block for as long as they take; @progress (may be NULL) is called now and then. What is left of a
 * failed one is removed. EXHAUSTED when the disk is full. */
typedef void (*ImageProgress)(guint percent, const char *what, void *data);

/* Copies @file, any qcow2 disk that boots by itself, in as a new version of @name. INVALID when it is not one: other
 * formats, a backing file, an external data file, encryption, or larger than 16 TiB. */
Image *image_import(const char *images, const char *file, const char *name, const char *title, ImageProgress progress,
	void *data, GError **error);

/* Has @builder (packaging/image/build-image) make a new version of @name with the agent that lies in @agent_folder.
 * @suite: a Debian code name, or NULL for the builder's own choice. @packages: more of Debian's, ended by NULL; NULL: none. */
Image *image_build(const char *images, const char *builder, const char *agent_folder, const char *name, const char *suite,
	char *const *packages, ImageProgress progress, void *data, GError **error);

/* A new version of @name: has @fill put image.ini and the files that it names into the folder @aside, and looks at them as above. */
typedef gboolean (*ImageFill)(const char *aside, const char *version, void *data, GError **error);
Image *image_make(const char *images, const char *name, ImageFill fill, void *data, GError **error);

/* @image as image.ini says it; its files are named as they are to stand beside that. Free with g_free. */
char *image_description(const Image *image, gsize *size);
/* The same, written into @folder, in the place of one that is there. */
gboolean image_describe(const char *folder, const Image *image, GError **error);

/* Now, as Created= has it. Free with g_free. */
char *image_time_now(void);

/* Removes NAME@VERSION. The caller has made sure that nothing uses it. NOT_FOUND. */
gboolean image_remove(const char *images, const char *reference, GError **error);
