/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * <net/if_types.h> of the BSDs, which Linux lacks: those of IANA's interface
 * types that programs with a tun(4) code path name.
 */
#ifndef _NET_IF_TYPES_H_
#define _NET_IF_TYPES_H_

#include <linux/bsdtun.h>

#define IFT_OTHER	0x1
#define IFT_ETHER	0x6
#define IFT_PPP		BSDTUN_IFT_PPP
#define IFT_LOOP	0x18
#define IFT_TUNNEL	BSDTUN_IFT_TUNNEL

#endif /* _NET_IF_TYPES_H_ */
