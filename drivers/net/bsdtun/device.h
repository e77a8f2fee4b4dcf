/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
#ifndef _BSDTUN_DEVICE_H
#define _BSDTUN_DEVICE_H

#include "frame.h"

#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <net/gro_cells.h>
#include <uapi/linux/bsdtun.h>

struct bsdtun_queue;

/* Module parameter "debug", also TUNSDEBUG: concerns all interfaces. */
extern int bsdtun_debug;

/* A debug message about the interface @dev; the rate is bounded. */
#define bsdtun_dbg(dev, fmt, ...)					\
do {									\
	if (READ_ONCE(bsdtun_debug) && net_ratelimit())			\
		netdev_info(dev, fmt, ##__VA_ARGS__);			\
} while (0)

#define BSDTUN_MAX_QUEUES	64

/**
 * enum bsdtun_counter - packets lost, by cause
 * @BSDTUN_TX_NO_READER: no file has the queue open
 * @BSDTUN_TX_FAMILY: the framing cannot carry the protocol
 * @BSDTUN_TX_OFFLOAD: a super-packet of a kind that the reader does not take
 * @BSDTUN_TX_FULL: the ring was full and no qdisc could hold the packet
 * @BSDTUN_TX_NOMEM: fragments of the sender's memory could not be copied
 * @BSDTUN_TX_PURGED: in the ring at close, down, delete or change of framing
 * @BSDTUN_TX_FAULT: the reader's buffer faulted
 * @BSDTUN_TX_END: the above make up tx_dropped
 * @BSDTUN_RX_ERROR_LENGTH: written packet too long or too short
 * @BSDTUN_RX_ERROR_FAMILY: unknown address family or IP version
 * @BSDTUN_RX_ERROR_HEADER: the offload header makes no sense
 * @BSDTUN_RX_ERROR_FAULT: the writer's buffer faulted
 * @BSDTUN_RX_ERROR_END: the above make up rx_errors
 * @BSDTUN_RX_DOWN: written while the interface was down
 * @BSDTUN_RX_NOMEM: no memory for the written packet
 * @BSDTUN_RX_DROPPED_END: the above make up rx_dropped, together with what the core
 *	counts itself
 * @BSDTUN_RX_BACKLOG: a segment of a written batch, refused by the core's backlog;
 *	the core counts it
 * @BSDTUN_COUNTERS: how many counters there are
 */
enum bsdtun_counter {
	BSDTUN_TX_NO_READER,
	BSDTUN_TX_FAMILY,
	BSDTUN_TX_OFFLOAD,
	BSDTUN_TX_FULL,
	BSDTUN_TX_NOMEM,
	BSDTUN_TX_PURGED,
	BSDTUN_TX_FAULT,
	BSDTUN_TX_END,
	BSDTUN_RX_ERROR_LENGTH = BSDTUN_TX_END,
	BSDTUN_RX_ERROR_FAMILY,
	BSDTUN_RX_ERROR_HEADER,
	BSDTUN_RX_ERROR_FAULT,
	BSDTUN_RX_ERROR_END,
	BSDTUN_RX_DOWN = BSDTUN_RX_ERROR_END,
	BSDTUN_RX_NOMEM,
	BSDTUN_RX_DROPPED_END,
	BSDTUN_RX_BACKLOG = BSDTUN_RX_DROPPED_END,
	BSDTUN_COUNTERS,
};

struct bsdtun_counters {
	unsigned long count[BSDTUN_COUNTERS];
};

/**
 * struct bsdtun_device - an interface, netdev_priv() of its net_device
 * @dev: the net_device
 * @queues: the open file of each tx queue, or NULL; changes under RTNL and the
 *	xmit lock of the tx queue
 * @open_queues: which of them are open, the first @opens entries
 * @counters: per CPU
 * @gro_cells: what batches are handed over through, if any file ever wrote such
 * @napi_dev: what the NAPI instances of @gro_cells belong to
 * @unit: unit number
 * @opens: number of open files
 * @owner: who may open it, or INVALID_UID
 * @group: which group may open it, or INVALID_GID
 * @baudrate: bit/s, for information
 * @transient: the last close deletes the interface
 * @framing: for files that will be opened
 * @offloads: what all open files do themselves, BSDTUN_OFFLOAD_ values
 * @pid_lock: guards @pid
 * @pid: the owner process, for information
 *
 * All but @pid change under RTNL only.
 */
struct bsdtun_device {
	struct net_device *dev;
	struct bsdtun_queue **queues;
	u16 *open_queues;
	struct bsdtun_counters __percpu *counters;
	struct gro_cells gro_cells;
	struct net_device *napi_dev;

	int unit;
	unsigned int opens;
	kuid_t owner;
	kgid_t group;
	u32 baudrate;
	bool transient;
	enum bsdtun_framing framing;
	u8 offloads;

	spinlock_t pid_lock;	/* guards pid */
	struct pid *pid;
};

int bsdtun_device_init(void);
void bsdtun_device_exit(void);

void bsdtun_device_setup(struct net_device *dev);
struct bsdtun_device *bsdtun_device_create(struct net *net, int unit,
					   bool transient);
int bsdtun_device_attach(struct bsdtun_device *bt, struct bsdtun_queue *queue);
void bsdtun_device_detach(struct bsdtun_device *bt, struct bsdtun_queue *queue);

bool bsdtun_device_permitted(const struct bsdtun_device *bt);
int bsdtun_device_set_mode(struct bsdtun_device *bt, unsigned int flags);
void bsdtun_device_set_pid(struct bsdtun_device *bt, struct pid *pid);
pid_t bsdtun_device_pid(struct bsdtun_device *bt);
int bsdtun_device_set_format(struct bsdtun_device *bt,
			     struct bsdtun_queue *queue,
			     struct bsdtun_format format);
int bsdtun_device_format(struct bsdtun_device *bt, unsigned int index,
			 struct bsdtun_format *format);
void bsdtun_device_changed(struct bsdtun_device *bt);

u64 bsdtun_device_counter(const struct bsdtun_device *bt,
			  enum bsdtun_counter counter);

#endif /* _BSDTUN_DEVICE_H */
