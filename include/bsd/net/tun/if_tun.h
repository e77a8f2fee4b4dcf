/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The place of <net/if_tun.h> on DragonFly BSD. */
#include <net/if_tun.h>
