// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The BSD ioctl set. */

#include "ioctl.h"
#include "compat.h"
#include "device.h"
#include "offload.h"
#include "queue.h"

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/if.h>
#include <linux/pid.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/uaccess.h>
#include <uapi/linux/bsdtun.h>

#include <asm/ioctls.h>

/* IFF_MULTICAST on the BSDs. */
#define IFF_MULTICAST_BSD	0x8000

/* Of struct ifreq only the name is used; programs' own may be longer. */
#define TUNGIFNAME_32	_IOC(_IOC_READ, 't', 93, 32)
#define TUNGIFNAME_64	_IOC(_IOC_READ, 't', 93, 40)

/* The largest comes first: it is what an empty initialiser is sure to clear. */
union argument {
	char name[IFNAMSIZ];
	int value;
	struct tuninfo info;
	struct tuninfo_openbsd info_openbsd;
	struct tun_capabilities cap;
};

struct request {
	unsigned int cmd;
	/* Changes the interface: wants what open wants. */
	bool privileged;
	int (*serve)(struct bsdtun_queue *queue, struct bsdtun_device *bt,
		     union argument *arg);
};

static int set_debug(struct bsdtun_queue *queue, struct bsdtun_device *bt,
		     union argument *arg)
{
	/* It concerns all units, whoever's they are. */
	if (!capable(CAP_NET_ADMIN))
		return -EPERM;
	WRITE_ONCE(bsdtun_debug, arg->value);
	return 0;
}

static int get_debug(struct bsdtun_queue *queue, struct bsdtun_device *bt,
		     union argument *arg)
{
	arg->value = READ_ONCE(bsdtun_debug);
	return 0;
}

static int set_mtu_and_baudrate(struct bsdtun_device *bt, u32 mtu, u32 baudrate)
{
	int err;

	/* dev_set_mtu() would write what it refuses to the log. */
	if (mtu < BSDTUN_MIN_MTU || mtu > BSDTUN_MAX_MTU)
		return -EINVAL;
	err = dev_set_mtu(bt->dev, mtu);
	if (err)
		return err;
	WRITE_ONCE(bt->baudrate, baudrate);
	return 0;
}

static int set_info(struct bsdtun_queue *queue, struct bsdtun_device *bt,
		    union argument *arg)
{
	if (arg->info.type != BSDTUN_IFT_PPP)
		return -EPROTOTYPE;
	return set_mtu_and_baudrate(bt, arg->info.mtu, arg->info.baudrate);
}

static int get_info(struct bsdtun_queue *queue, struct bsdtun_device *bt,
		    union argument *arg)
{
	arg->info.baudrate = bt->baudrate;
	arg->info.mtu = bt->dev->mtu;
	arg->info.type = BSDTUN_IFT_PPP;
	arg->info.dummy = 0;
	return 0;
}

static u16 mode_flags(const struct bsdtun_device *bt)
{
	return bt->dev->flags & (IFF_POINTOPOINT | IFF_BROADCAST |
				 IFF_MULTICAST);
}

static int set_info_openbsd(struct bsdtun_queue *queue,
			    struct bsdtun_device *bt, union argument *arg)
{
	if (arg->info_openbsd.type != BSDTUN_IFT_TUNNEL ||
	    arg->info_openbsd.flags != mode_flags(bt))
		return -EINVAL;
	return set_mtu_and_baudrate(bt, arg->info_openbsd.mtu,
				    arg->info_openbsd.baudrate);
}

static int get_info_openbsd(struct bsdtun_queue *queue,
			    struct bsdtun_device *bt, union argument *arg)
{
	arg->info_openbsd.mtu = bt->dev->mtu;
	arg->info_openbsd.type = BSDTUN_IFT_TUNNEL;
	arg->info_openbsd.flags = mode_flags(bt);
	arg->info_openbsd.baudrate = bt->baudrate;
	return 0;
}

/* On sets the framing; off only ends that framing. */
static int switch_prefix(struct bsdtun_queue *queue, struct bsdtun_device *bt,
			 enum bsdtun_prefix prefix, bool on)
{
	struct bsdtun_format format = queue->format;
	bool is_on = format.prefix == prefix;

	if (on == is_on)
		return 0;
	format.prefix = on ? prefix : BSDTUN_PREFIX_NONE;
	return bsdtun_device_set_format(bt, queue, format);
}

static int set_link_mode(struct bsdtun_queue *queue, struct bsdtun_device *bt,
			 union argument *arg)
{
	return switch_prefix(queue, bt, BSDTUN_PREFIX_SOCKADDR, arg->value);
}

static int set_header(struct bsdtun_queue *queue, struct bsdtun_device *bt,
		      union argument *arg)
{
	return switch_prefix(queue, bt, BSDTUN_PREFIX_AF, arg->value);
}

static int get_header(struct bsdtun_queue *queue, struct bsdtun_device *bt,
		      union argument *arg)
{
	arg->value = queue->format.prefix == BSDTUN_PREFIX_AF;
	return 0;
}

static int set_offload(struct bsdtun_queue *queue, struct bsdtun_device *bt,
		       enum bsdtun_header header, size_t len, u8 offloads)
{
	struct bsdtun_format format = queue->format;

	format.header = header;
	format.header_len = len;
	format.offloads = offloads;
	return bsdtun_device_set_format(bt, queue, format);
}

static int set_capabilities(struct bsdtun_queue *queue,
			    struct bsdtun_device *bt, union argument *arg)
{
	u32 capabilities = arg->cap.tun_if_capabilities;

	if (capabilities & ~BSDTUN_IFCAPS)
		return -EINVAL;
	queue->capabilities = capabilities;
	return set_offload(queue, bt, BSDTUN_HEADER_TUN,
			   sizeof(struct tun_hdr),
			   bsdtun_offload_by_capabilities(capabilities));
}

static int get_capabilities(struct bsdtun_queue *queue,
			    struct bsdtun_device *bt, union argument *arg)
{
	if (queue->format.header != BSDTUN_HEADER_TUN)
		return -ENODEV;
	arg->cap.tun_if_capabilities = queue->capabilities;
	return 0;
}

static int drop_capabilities(struct bsdtun_queue *queue,
			     struct bsdtun_device *bt, union argument *arg)
{
	if (queue->format.header == BSDTUN_HEADER_TUN)
		set_offload(queue, bt, BSDTUN_HEADER_NONE, 0, 0);
	return 0;
}

static int set_vnet_header(struct bsdtun_queue *queue, struct bsdtun_device *bt,
			   union argument *arg)
{
	switch (arg->value) {
	case 0:
		if (queue->format.header == BSDTUN_HEADER_VNET)
			set_offload(queue, bt, BSDTUN_HEADER_NONE, 0, 0);
		return 0;
	case sizeof(struct virtio_net_hdr):
	case sizeof(struct virtio_net_hdr_mrg_rxbuf):
		return set_offload(queue, bt, BSDTUN_HEADER_VNET, arg->value,
				   BSDTUN_OFFLOAD_ALL);
	default:
		return -EINVAL;
	}
}

static int get_vnet_header(struct bsdtun_queue *queue, struct bsdtun_device *bt,
			   union argument *arg)
{
	arg->value = queue->format.header == BSDTUN_HEADER_VNET ?
		     queue->format.header_len : 0;
	return 0;
}

static int set_batch(struct bsdtun_queue *queue, struct bsdtun_device *bt,
		     union argument *arg)
{
	struct bsdtun_format format = queue->format;

	format.batch = !!arg->value;
	return bsdtun_device_set_format(bt, queue, format);
}

static int get_batch(struct bsdtun_queue *queue, struct bsdtun_device *bt,
		     union argument *arg)
{
	arg->value = queue->format.batch;
	return 0;
}

static int get_name(struct bsdtun_queue *queue, struct bsdtun_device *bt,
		    union argument *arg)
{
	strscpy_pad(arg->name, bt->dev->name, sizeof(arg->name));
	return 0;
}

static int set_mode(struct bsdtun_queue *queue, struct bsdtun_device *bt,
		    union argument *arg)
{
	unsigned int flags = arg->value;
	int err;

	if (bt->dev->flags & IFF_UP)
		return -EBUSY;
	if (flags & IFF_MULTICAST_BSD)
		flags = (flags & ~IFF_MULTICAST_BSD) | IFF_MULTICAST;
	if ((flags & ~IFF_MULTICAST) != IFF_POINTOPOINT &&
	    (flags & ~IFF_MULTICAST) != IFF_BROADCAST)
		return -EINVAL;
	err = bsdtun_device_set_mode(bt, flags);
	if (!err)
		bsdtun_device_changed(bt);
	return err;
}

static int set_pid(struct bsdtun_queue *queue, struct bsdtun_device *bt,
		   union argument *arg)
{
	bsdtun_device_set_pid(bt, task_tgid(current));
	return 0;
}

static int set_transient(struct bsdtun_queue *queue, struct bsdtun_device *bt,
			 union argument *arg)
{
	WRITE_ONCE(bt->transient, arg->value);
	bsdtun_device_changed(bt);
	return 0;
}

static int get_transient(struct bsdtun_queue *queue, struct bsdtun_device *bt,
			 union argument *arg)
{
	arg->value = bt->transient;
	return 0;
}

static const struct request requests[] = {
	{ TUNSDEBUG,		false,	set_debug },
	{ TUNGDEBUG,		false,	get_debug },
	{ TUNSIFINFO,		true,	set_info },
	{ TUNGIFINFO,		false,	get_info },
	{ TUNSIFINFO_OPENBSD,	true,	set_info_openbsd },
	{ TUNGIFINFO_OPENBSD,	false,	get_info_openbsd },
	{ TUNSLMODE,		false,	set_link_mode },
	{ TUNGIFNAME_32,	false,	get_name },
	{ TUNGIFNAME_64,	false,	get_name },
	{ TUNSIFMODE,		true,	set_mode },
	{ TUNSIFPID,		false,	set_pid },
	{ TUNSIFHEAD,		false,	set_header },
	{ TUNGIFHEAD,		false,	get_header },
	{ TUNSTRANSIENT,	true,	set_transient },
	{ TUNGTRANSIENT,	false,	get_transient },
	{ TUNSCAP,	false,	set_capabilities },
	{ TUNGCAP,	false,	get_capabilities },
	{ TUNDCAP,	false,	drop_capabilities },
	{ TUNSVNETHDR,	false,	set_vnet_header },
	{ TUNGVNETHDR,	false,	get_vnet_header },
	{ TUNSBATCH,	false,	set_batch },
	{ TUNGBATCH,	false,	get_batch },
};

static const struct request *find_request(unsigned int cmd)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++)
		if (requests[i].cmd == cmd)
			return &requests[i];
	return NULL;
}

static int gone(const struct request *request)
{
	return request->serve == get_name ? -ENXIO : -EIO;
}

static int serve(struct bsdtun_queue *queue, const struct request *request,
		 union argument *arg)
{
	struct bsdtun_device *bt;

	ASSERT_RTNL();
	bt = rtnl_dereference(queue->device);
	if (!bt)
		return gone(request);
	if (request->privileged && !bsdtun_device_permitted(bt))
		return -EPERM;
	bsdtun_dbg(bt->dev, "ioctl %#x\n", request->cmd);
	return request->serve(queue, bt, arg);
}

/* The requests of tun(4) itself. How much is copied and which way stands in
 * the number.
 */
static long tun_ioctl(struct bsdtun_queue *queue, unsigned int cmd,
		      void __user *argp)
{
	size_t size = min_t(size_t, _IOC_SIZE(cmd), sizeof(union argument));
	const struct request *request = find_request(cmd);
	union argument arg = {};
	long err;

	if (!request)
		return -ENOTTY;
	if (!rcu_access_pointer(queue->device))
		return gone(request);
	if ((_IOC_DIR(cmd) & _IOC_WRITE) && copy_from_user(&arg, argp, size))
		return -EFAULT;

	err = bsdtun_rtnl_lock_killable();
	if (err)
		return err;
	err = serve(queue, request, &arg);
	rtnl_unlock();
	if (err)
		return err;

	if ((_IOC_DIR(cmd) & _IOC_READ) && copy_to_user(argp, &arg, size))
		return -EFAULT;
	return 0;
}

/* As f_getown(), which is not exported: a process group is negative. */
static pid_t get_owner(struct file *file)
{
	struct fown_struct *owner = file_f_owner(file);
	pid_t pid = 0;

	if (!owner)
		return 0;

	read_lock_irq(&owner->lock);
	rcu_read_lock();
	if (pid_task(owner->pid, owner->pid_type)) {
		pid = pid_vnr(owner->pid);
		if (owner->pid_type == PIDTYPE_PGID)
			pid = -pid;
	}
	rcu_read_unlock();
	read_unlock_irq(&owner->lock);
	return pid;
}

static int set_owner(struct file *file, int __user *argp, bool group)
{
	int who;

	if (get_user(who, argp))
		return -EFAULT;
	/* It refuses INT_MIN, which has no negative. */
	return f_setown(file, group ? -who : who, 1);
}

/**
 * bsdtun_ioctl - ioctl(2) on an open unit
 * @file: the file
 * @cmd: request number
 * @arg: pointer to its argument
 *
 * FIONBIO and FIOASYNC never come here: the VFS serves them.
 *
 * Context: Process context. May sleep.
 * Return: 0 or a negative errno, see <linux/bsdtun.h>. DragonFly: tunioctl().
 */
long bsdtun_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct bsdtun_queue *queue = file->private_data;
	int __user *argp = (int __user *)arg;

	switch (cmd) {
	case FIONREAD:
	case FIOSETOWN:
	case FIOGETOWN:
	case TIOCSPGRP:
	case TIOCGPGRP:
		if (!rcu_access_pointer(queue->device))
			return -EIO;
		break;
	default:
		return tun_ioctl(queue, cmd, argp);
	}

	switch (cmd) {
	case FIONREAD:
		return put_user((int)bsdtun_queue_next_len(queue), argp);
	case FIOSETOWN:
		return set_owner(file, argp, false);
	case FIOGETOWN:
		return put_user(get_owner(file), argp);
	case TIOCSPGRP:
		return set_owner(file, argp, true);
	default:
		return put_user(-get_owner(file), argp);
	}
}
