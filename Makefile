# libaionotify: build, test, install. `make help` lists the targets.

PREFIX     = /usr/local
LIBDIR     = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
MANDIR     = $(PREFIX)/share/man
DESTDIR    =

CARGO      = cargo
CC         = cc
INSTALL    = install
PKG_CONFIG = pkg-config
STRIP      = strip

# Where cargo puts what it builds; cross builds (CARGO_BUILD_TARGET) have a folder of their own.
TARGET_DIR  = $(or $(CARGO_TARGET_DIR),target)
RELEASE_DIR = $(TARGET_DIR)/$(if $(CARGO_BUILD_TARGET),$(CARGO_BUILD_TARGET)/)release

# The first number is the ABI's; capi/build.rs gives it to the SONAME.
VERSION := $(shell sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
SOVERSION = 0

# `make demo` and `make check` install here, and nowhere else.
PRIVATE = $(abspath $(TARGET_DIR))/installed
# The files that the demo checksums, as words for the shell; the project's own by default.
FILES = $(or $(wildcard $(shell git ls-files 2>/dev/null)),$(shell find src include -type f))

# How long `make soak` runs.
SECONDS = 60

PAGES = $(wildcard man/*.3)

.PHONY: all bench budget check clean demo headers help install install-private lint soak uninstall verify \
	abi-baseline

all:
	$(CARGO) build --release --locked -p aionotify

help:
	@echo 'make                build libaionotify.so and libaionotify.a'
	@echo 'make demo           build, install privately, and run a C program on real files'
	@echo 'make check          the whole test suite'
	@echo 'make lint           formatters and linters'
	@echo 'make verify         model checkers, other architectures, memory checkers; as a table'
	@echo 'make bench          measure beside other libraries; writes docs/PERFORMANCE.md'
	@echo 'make soak           loops under load for SECONDS=$(SECONDS); worst latency, spurious returns'
	@echo 'make headers        regenerate include/ from the Rust sources'
	@echo 'make abi-baseline   accept the present ABI as the one to compare with'
	@echo 'make install        install below PREFIX=$(PREFIX) (DESTDIR, LIBDIR, INCLUDEDIR, MANDIR)'
	@echo 'make uninstall      undo make install with the same variables'
	@echo 'make clean          remove what was built'

headers:
	$(CARGO) run --quiet --locked -p headers -- .

install: all
	PKG_CONFIG='$(PKG_CONFIG)' scripts/pkg-config-file '$(PREFIX)' '$(LIBDIR)' '$(INCLUDEDIR)' '$(VERSION)' \
		> $(RELEASE_DIR)/aionotify.pc
	$(INSTALL) -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(INCLUDEDIR)/aionotify/block' \
		'$(DESTDIR)$(INCLUDEDIR)/aionotify/qemu' '$(DESTDIR)$(MANDIR)/man3'
	$(INSTALL) -m 755 $(RELEASE_DIR)/libaionotify.so '$(DESTDIR)$(LIBDIR)/libaionotify.so.$(VERSION)'
	ln -sf libaionotify.so.$(VERSION) '$(DESTDIR)$(LIBDIR)/libaionotify.so.$(SOVERSION)'
	ln -sf libaionotify.so.$(SOVERSION) '$(DESTDIR)$(LIBDIR)/libaionotify.so'
	$(INSTALL) -m 644 $(RELEASE_DIR)/libaionotify.a '$(DESTDIR)$(LIBDIR)/libaionotify.a'
	$(STRIP) --strip-debug '$(DESTDIR)$(LIBDIR)/libaionotify.a'
	$(INSTALL) -m 644 include/block/*.h '$(DESTDIR)$(INCLUDEDIR)/aionotify/block'
	$(INSTALL) -m 644 include/qemu/*.h '$(DESTDIR)$(INCLUDEDIR)/aionotify/qemu'
	$(INSTALL) -m 644 $(RELEASE_DIR)/aionotify.pc '$(DESTDIR)$(LIBDIR)/pkgconfig/aionotify.pc'
	$(if $(PAGES),$(INSTALL) -m 644 $(PAGES) '$(DESTDIR)$(MANDIR)/man3')

uninstall:
	rm -f '$(DESTDIR)$(LIBDIR)'/libaionotify.so '$(DESTDIR)$(LIBDIR)'/libaionotify.so.$(SOVERSION) \
		'$(DESTDIR)$(LIBDIR)'/libaionotify.so.$(VERSION) '$(DESTDIR)$(LIBDIR)'/libaionotify.a \
		'$(DESTDIR)$(LIBDIR)'/pkgconfig/aionotify.pc
	rm -f $(patsubst man/%,'$(DESTDIR)$(MANDIR)/man3/%',$(PAGES))
	rm -rf '$(DESTDIR)$(INCLUDEDIR)/aionotify'

# A tree of its own for the tests and the demo, made anew, so that nothing old is tested.
install-private:
	rm -rf '$(PRIVATE)'
	+$(MAKE) --no-print-directory install DESTDIR= PREFIX='$(PRIVATE)' LIBDIR='$(PRIVATE)/lib' \
		INCLUDEDIR='$(PRIVATE)/include' MANDIR='$(PRIVATE)/share/man' > $(TARGET_DIR)/install.log

demo:
	@scripts/setup demo
	@mkdir -p $(TARGET_DIR)
	@echo 'Building and installing into $(PRIVATE)'
	@$(MAKE) --no-print-directory install-private > /dev/null
	@CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' demo/run '$(PRIVATE)' $(FILES)

check:
	scripts/setup check
	@mkdir -p $(TARGET_DIR)
	$(MAKE) --no-print-directory install-private
	AIONOTIFY_PREFIX='$(PRIVATE)' $(CARGO) test --workspace --exclude bench --locked
	$(MAKE) --no-print-directory budget

# How many instructions a call takes, against bench/budget, which is for x86_64.
budget:
ifeq ($(shell uname -m),x86_64)
	@scripts/setup budget
	@AIONOTIFY_PREFIX='$(PRIVATE)' $(CARGO) test --quiet --locked -p bench --no-default-features
	@AIONOTIFY_PREFIX='$(PRIVATE)' scripts/instructions --no-default-features > $(TARGET_DIR)/budget.log
	@AIONOTIFY_PREFIX='$(PRIVATE)' $(CARGO) run --quiet --locked --profile bench -p bench \
		--no-default-features -- budget
else
	@echo 'budget: skipped, the numbers are for x86_64'
endif

bench:
	@scripts/setup check
	@scripts/setup bench
	@mkdir -p $(TARGET_DIR)
	@$(MAKE) --no-print-directory install-private > /dev/null
	@AIONOTIFY_PREFIX='$(PRIVATE)' $(CARGO) bench --quiet --locked -p bench --bench time
	@AIONOTIFY_PREFIX='$(PRIVATE)' scripts/instructions > $(TARGET_DIR)/instructions.log
	@AIONOTIFY_PREFIX='$(PRIVATE)' $(CARGO) run --quiet --locked --profile bench -p bench -- report

lint:
	scripts/setup lint
	@mkdir -p $(TARGET_DIR)
	@$(MAKE) --no-print-directory install-private > /dev/null
	scripts/lint

verify:
	@scripts/setup check
	@scripts/setup verify
	@mkdir -p $(TARGET_DIR)
	@$(MAKE) --no-print-directory install-private > /dev/null
	@AIONOTIFY_PREFIX='$(PRIVATE)' $(CARGO) run --quiet --locked -p verify -- --write

soak:
	@scripts/setup demo
	@mkdir -p $(TARGET_DIR)
	@$(MAKE) --no-print-directory install-private > /dev/null
	@scripts/soak '$(PRIVATE)' '$(SECONDS)'

abi-baseline:
	scripts/setup check
	scripts/abi-baseline

clean:
	$(CARGO) clean
