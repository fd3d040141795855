/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "pools/engine-task.h"

#include "pools/hardware.h"
#include "pools/template.h"

void
task_free(void *data)
{
	Task *task = data;

	vm_place_free(task->place);
	image_free(task->image);
	g_free(task->id);
	g_free(task->uuid);
	g_free(task->pool);
	g_free(task->config);
	g_free(task->emulator);
	g_free(task->machine);
	g_free(task->disk);
	g_free(task->agent);
	network_card_free(task->network);
	g_free(task->key);
	g_free(task->memory_file);
	g_free(task->template_disk);
	g_free(task->template_extra);
	g_free(task->extra_disk);
	g_free(task->nvram);
	g_free(task->drivers);
	g_free(task->devices);
	g_free(task->state_file);
	g_free(task->home);
	g_free(task);
}

Task *
task_new(const Engine *engine, const char *id, const char *uuid)
{
	Task *task = g_new0(Task, 1);

	task->place = vm_place_copy(engine->place);
	task->id = g_strdup(id);
	task->uuid = g_strdup(uuid);
	return task;
}

Task *
task_new_about(const Desktop *desktop)
{
	Task *task = task_new(desktop->engine, desktop->row->id, desktop->row->uuid);

	task->kept = desktop->row->kept;
	task->pool = g_strdup(desktop->row->pool);
	return task;
}

void
task_set_network(Task *task, const Engine *engine, const Pool *pool)
{
	task->network = network_card_new(pool->file, engine->place->short_name);
}

/* What a pool's file says of it. */
static void
set_hardware(Task *task, const HostFacts *facts, const PoolFile *file)
{
	task->kvm = hardware_uses_kvm(file, facts);
	task->usb = facts->usb_redirection ? pool_file_usb_slots(file) : 0;
	task->cpus = (guint)file->cpus;
	task->memory = (guint64)file->memory;
	task->disk_bytes = file->disk;
	task->extra_bytes = file->extra_disk;
	task->extra_disk = file->extra_disk > 0 ? vm_volume_path(task->place, task->id, VM_EXTRA_SUFFIX, task->kept) : NULL;
	task->firmware = file->firmware;
	task->nvram = vm_volume_path(task->place, task->id, VM_NVRAM_SUFFIX, task->kept);
	task->tpm = file->tpm;
	task->sound = file->sound;
	task->monitors = (guint)file->monitors;
	task->cpu_shares = (guint)file->cpu_shares;
	task->io_weight = (guint)file->io_weight;
	task->devices = g_strdup(file->xml);
	task->windows = hardware_is_windows(file, task->image);
	task->drivers = task->windows ? g_strdup(facts->drivers) : NULL;
}

Task *
task_new_of_pool(const Engine *engine, const Pool *pool, const char *id, const char *uuid, const char *image, gboolean kept,
	GError **error)
{
	Task *task = task_new(engine, id, uuid);

	task->image = image_resolve(engine->images, image, error);
	if (task->image == NULL) {
		task_free(task);
		return NULL;
	}
	task->pool = g_strdup(pool->name);
	task->config = g_strdup(pool->config);
	task->emulator = g_strdup(engine->facts->emulator);
	task->machine = g_strdup(engine->facts->machine);
	task->kept = kept;
	task->has_home = pool->file->home > 0;
	task->disk = vm_overlay_path(task->place, id, kept);
	task->agent = vm_agent_path(task->place, id);
	task_set_network(task, engine, pool);
	task->emulation = engine->facts->emulation;
	set_hardware(task, engine->facts, pool->file);
	return task;
}

Task *
task_new_of_desktop(const Desktop *desktop, const Pool *pool, GError **error)
{
	const DesktopRow *row = desktop->row;

	return task_new_of_pool(desktop->engine, pool, row->id, row->uuid, row->image, row->kept, error);
}

void
task_set_template(Task *task, const char *key)
{
	task->key = g_strdup(key);
	task->memory_file = template_memory_path(task->place, key);
	task->state_file = template_state_path(task->place, key);
	task->template_disk = template_disk_path(task->place, key);
	task->template_extra = task->extra_disk ? template_extra_path(task->place, key) : NULL;
}

DomainSpec
task_spec(const Task *task, gboolean is_template)
{
	return (DomainSpec){
		.id = task->id,
		.uuid = task->uuid,
		.pool = task->pool,
		.instance = task->place->instance,
		.config = task->config,
		.kvm = task->kvm,
		.emulation = task->emulation,
		.emulator = task->emulator,
		.machine = task->machine,
		.cpus = task->cpus,
		.memory = task->memory,
		.persistent = task->kept,
		.home = task->has_home,
		.disk = task->disk,
		.backing = task->image->disk,
		.kernel = task->firmware == POOL_FIRMWARE_BIOS ? task->image->kernel : task->image->efi_kernel,
		.initrd = task->image->initrd,
		.cmdline = task->image->cmdline,
		.network = task->network,
		.agent = task->agent,
		.usb = task->usb,
		.disk_bytes = (guint64)task->disk_bytes,
		.extra_disk = task->extra_disk,
		.extra_bytes = (guint64)task->extra_bytes,
		.firmware = (PoolFirmware)task->firmware,
		.nvram = task->nvram,
		.tpm = task->tpm,
		.sound = task->sound,
		.windows = task->windows,
		.monitors = task->monitors,
		.cpu_shares = task->cpu_shares,
		.io_weight = task->io_weight,
		.drivers = task->drivers,
		.devices = task->devices,
		.memory_file = task->memory_file,
		.is_template = is_template,
		.template = is_template ? NULL : task->key,
		.template_disk = is_template ? NULL : task->template_disk,
		.template_extra = is_template ? NULL : task->template_extra,
	};
}
