// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * Memory for the packets that are written.
 *
 * Pages that come from the kernel are zeroed (init_on_alloc), which costs as much as
 * the copy that follows. So each processor has a pool to which pages come back from
 * wherever their packets are freed, and out of which they go as they are.
 */

#include "pool.h"
#include "compat.h"

#include <linux/cpuhotplug.h>
#include <linux/err.h>
#include <linux/local_lock.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/sizes.h>
#include <linux/skbuff.h>

/* As the stack's own page fragments: many packets share one of these. A pool of single
 * pages would ask for many at a time.
 */
#define POOL_ORDER	(get_order(SZ_32K) ?: 1)
#define POOL_PIECE	(PAGE_SIZE << POOL_ORDER)

/* So many of them wait for packets, and as many again after a burst. */
#define POOL_PIECES	(SZ_512K / POOL_PIECE)

struct cpu_pool {
	local_lock_t lock;
	struct page_pool *pages;
};

static DEFINE_PER_CPU(struct cpu_pool, cpu_pool) = {
	.lock = INIT_LOCAL_LOCK(lock),
};

static int cpu_state;

/* Its pool stays when a processor goes (all but one do for a suspend): packets may hold
 * pages of it, and the kernel complains of a pool that has to wait for those.
 *
 * A processor may be without a pool: for want of memory, on kernels that make none with
 * fragments, or, as before 6.10, if it was there before us and the kernel does not say so.
 */
static int cpu_prepare(unsigned int cpu)
{
	struct page_pool_params params = {
		.flags = PP_FLAG_PAGE_FRAG,
		.order = POOL_ORDER,
		.pool_size = POOL_PIECES,
		.nid = NUMA_NO_NODE,
	};
	struct page_pool *pages;

	if (per_cpu(cpu_pool.pages, cpu))
		return 0;
	pages = page_pool_create(&params);
	if (!IS_ERR(pages))
		per_cpu(cpu_pool.pages, cpu) = pages;
	return 0;
}

/**
 * bsdtun_pool_init - make a pool for each processor that is online, or will be
 *
 * Context: Process context. May sleep.
 * Return: 0 or a negative errno.
 */
int __init bsdtun_pool_init(void)
{
	int state;

	state = cpuhp_setup_state(CPUHP_BP_PREPARE_DYN, "net/bsdtun:prepare",
				  cpu_prepare, NULL);
	if (state < 0)
		return state;
	cpu_state = state;
	return 0;
}

/**
 * bsdtun_pool_exit - let the pools go
 *
 * Packets that sockets hold outlive the module: the kernel waits for their pages, and
 * each minute tells the log so.
 *
 * Context: Process context. May sleep.
 */
void bsdtun_pool_exit(void)
{
	unsigned int cpu;

	cpuhp_remove_state(cpu_state);
	for_each_possible_cpu(cpu)
		page_pool_destroy(per_cpu(cpu_pool.pages, cpu));
}

/* Not from the reserves, and without a word: there is another way. */
static struct page *get_fragment(struct page_pool *pages, unsigned int *offset,
				 size_t size)
{
	return page_pool_alloc_frag(pages, offset, SKB_DATA_ALIGN(size),
				    GFP_NOWAIT | __GFP_NOWARN);
}

static struct sk_buff *get_head(struct page_pool *pages, size_t size)
{
	unsigned int offset;
	struct sk_buff *skb;
	struct page *page;

	page = get_fragment(pages, &offset, size);
	if (unlikely(!page))
		return NULL;
	skb = napi_build_skb(page_address(page) + offset, size);
	if (likely(skb))
		skb_mark_for_recycle(skb);
	else
		page_pool_put_full_page(pages, page, false);
	return skb;
}

static noinline bool add_rest(struct page_pool *pages, struct sk_buff *skb,
			      size_t len)
{
	unsigned int offset;
	struct page *page;
	size_t size;
	int i;

	for (i = 0; len; i++) {
		size = min_t(size_t, len, POOL_PIECE);
		page = get_fragment(pages, &offset, size);
		if (unlikely(!page))
			return false;
		skb_add_rx_frag(skb, i, page, offset, size, size);
		len -= size;
	}
	return true;
}

/* With room for @room bytes in its head, and @data_len bytes in pages. */
static struct sk_buff *packet_of_pool(size_t room, size_t data_len)
{
	struct sk_buff *skb = NULL;
	struct page_pool *pages;

	local_bh_disable();
	local_lock_nested_bh(&cpu_pool.lock);
	pages = this_cpu_read(cpu_pool.pages);
	if (likely(pages))
		skb = get_head(pages, SKB_HEAD_ALIGN(room));
	if (data_len && likely(skb) && !add_rest(pages, skb, data_len)) {
		consume_skb(skb);
		skb = NULL;
	}
	local_unlock_nested_bh(&cpu_pool.lock);
	local_bh_enable();
	return skb;
}

static noinline struct sk_buff *packet_of_kernel(size_t room, size_t data_len)
{
	struct sk_buff *skb;
	int err;

	skb = alloc_skb_with_frags(room, data_len, PAGE_ALLOC_COSTLY_ORDER,
				   &err, GFP_KERNEL);
	if (skb) {
		skb->data_len = data_len;
		skb->len = data_len;
	}
	return skb;
}

/**
 * bsdtun_pool_packet - an skb for a packet that is written
 * @len: length of the packet, bytes
 * @ahead: bytes that it is to have room for behind the packet, unless that is about
 *	as long as a page or longer
 *
 * What is longer than a page has a head that fits one, and the rest in pages, of no
 * order above what is cheap.
 *
 * Context: Process context. May sleep.
 * Return: the skb, of that length and with whatever its memory held before, or NULL.
 */
struct sk_buff *bsdtun_pool_packet(size_t len, size_t ahead)
{
	size_t data_len = 0, room = NET_SKB_PAD + len + ahead;
	struct sk_buff *skb;

	if (unlikely(SKB_HEAD_ALIGN(room) > PAGE_SIZE)) {
		room = min_t(size_t, NET_SKB_PAD + len, SKB_MAX_HEAD(0));
		data_len = NET_SKB_PAD + len - room;
	}

	skb = packet_of_pool(room, data_len);
	if (unlikely(!skb))
		skb = packet_of_kernel(room, data_len);
	if (unlikely(!skb))
		return NULL;
	skb_reserve(skb, NET_SKB_PAD);
	/* As __skb_put(), which takes none that has pages. */
	skb->tail += len - data_len;
	skb->len = len;
	return skb;
}
