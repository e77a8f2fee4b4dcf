# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause

KDIR ?= /lib/modules/$(shell uname -r)/build
KERNEL ?= 6.12

all_kernels := 6.1 6.12 7.3 6.12-cloud 7.3-cloud 6.12-rt 7.3-rt 6.12-debug 7.3-debug 7.3-kcsan \
	6.12-arm64 6.12-arm64-16k 6.1-s390x

kbuild = -C $(KDIR) M=$(CURDIR)

modules: headers
	$(MAKE) $(kbuild) modules

install: modules
	$(MAKE) $(kbuild) modules_install

dkms-install: headers
	@packaging/dkms install "$$(sed -n 's/.* UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)"

dkms-remove:
	@packaging/dkms remove

deb:
	@packaging/deb

headers:
	@test -e $(KDIR)/Makefile || { \
		echo "No kernel headers in $(KDIR)."; \
		echo "Install them (Debian, Ubuntu: apt install linux-headers-$$(uname -r)),"; \
		echo "or say KDIR=/path/to/the/headers/or/a/built/kernel."; \
		exit 1; }

check:
	@selftests/qemu/check

check-all:
	@KERNELS="$${KERNELS:-$(all_kernels)}" selftests/qemu/check

check-packages:
	@selftests/packages/run

soak:
	@selftests/qemu/soak

fuzz:
	@selftests/fuzz/run

bench:
	@selftests/bench/run $(ROWS)

planted:
	@selftests/planted/run $(BUGS)

demo:
	@selftests/demo/run

lint:
	@selftests/lint/run

shell:
	@selftests/qemu/run --shell $(KERNEL)

in-tree:
	@scripts/in-tree "$(KERNEL)"

check-in-tree:
	@selftests/in-tree/run

clean:
	@test ! -e $(KDIR)/Makefile || $(MAKE) $(kbuild) clean
	@$(MAKE) -C tools clean
	@rm -rf packaging/out

distclean: clean
	@selftests/qemu/clean

help:
	@echo "make                 build bsdtun.ko for the running kernel, or with KDIR=... another"
	@echo "make install         install it for that kernel"
	@echo "make dkms-install    have DKMS build and install it, for that kernel and those to come"
	@echo "make dkms-remove     take it from DKMS and from all kernels"
	@echo "make deb             Debian packages, in packaging/out; SUITE=bookworm or trixie"
	@echo "make demo            show it at work in a virtual machine"
	@echo "make check           build and test it on Linux 6.1, 6.12 and 7.3 in virtual machines"
	@echo "    KERNELS=\"6.12\"       only these (also 6.12-rt, 6.12-cloud, 7.3-rt, ...)"
	@echo "    TEST=open CASE=x     only these test programs (a glob), only this case of each"
	@echo "    EXTENDED=stress      of the programs that take long only these (a regular expression)"
	@echo "    MEM=1G CPUS=2        the virtual machine's size"
	@echo "    TIMEOUT=900          seconds until a virtual machine is given up"
	@echo "make check-all       the same on every kernel there is a guest for: real-time and cloud"
	@echo "                     flavours, arm64 and s390x, and kernels with KASAN, lockdep, KCSAN ..."
	@echo "make check-packages  install the packages on Debian 12 and 13, boot, use and remove them"
	@echo "    SUITES=bookworm      only on this"
	@echo "make soak            everything at once, for BSDTUN_SECONDS=600 on each of those kernels"
	@echo "make fuzz            a coverage-guided fuzzer on such a kernel, for BSDTUN_SECONDS=600"
	@echo "make bench           instructions a packet, beside Linux's tun; KERNELS=6.12"
	@echo "    ROWS=\"echo wake\"   only these; ROWS=many for the cost of 10 and of 1,000 interfaces,"
	@echo "                     ROWS=queues for that of two queues on two processors, ROWS=wall for"
	@echo "                     TCP and ping by the clock, on kernels that are built for it"
	@echo "    KEEP=1               keep these figures in Documentation, for later ones to be compared with"
	@echo "make planted         plant bugs, and see the checkers of those kernels find each"
	@echo "    BUGS=\"kasan rcu\"    only these (see selftests/planted/bugs)"
	@echo "make shell           a shell in such a machine, the module loaded; KERNEL=6.12"
	@echo "make in-tree         put the driver into a kernel's source tree, KERNEL=/path/to/it"
	@echo "make check-in-tree   do so with the source of Linux 7.3 and 6.12, and build it there"
	@echo "make lint            every static check, all of which are to be silent"
	@echo "make clean           remove what was built here"
	@echo "make distclean       remove the cache of kernels and Debian roots too"

.PHONY: modules install dkms-install dkms-remove deb headers check check-all check-packages soak \
	fuzz bench planted demo lint shell in-tree check-in-tree clean distclean help
