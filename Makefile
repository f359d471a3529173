# libaionotify and libaiocontext: build, test, install. `make help` lists the targets.

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
BUILD_DIR   = $(TARGET_DIR)/$(if $(CARGO_BUILD_TARGET),$(CARGO_BUILD_TARGET)/)
# The folder of each library's profile.
DIR_aionotify  = $(BUILD_DIR)release
DIR_aiocontext = $(BUILD_DIR)loop
# Their names where they are installed.
NAME_aionotify  = $(LIBNAME)
NAME_aiocontext = aiocontext

# The first number is the ABI's; the libraries' build.rs give it to the SONAME.
VERSION := $(shell sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)
SOVERSION = 0

# `make demo` and `make check` install here, and nowhere else.
PRIVATE = $(abspath $(TARGET_DIR))/installed$(if $(HOST_CFLAGS),-for-host)
# The files that the demo checksums, as words for the shell; the project's own by default.
FILES = $(or $(wildcard $(shell git ls-files 2>/dev/null)),$(shell find src include -type f))

# A library for the AioContext of a program's own headers (docs/ADOPTING.md): the flags of the
# program's compiler, what its sources include, and the generation of its loop, 2.4 or 5.2.
HOST_CFLAGS =
HOST_HEADER =
GENERATION  =
# The library's name, for one that must not be taken for another.
LIBNAME     = aionotify
# The same as cargo knows it. Only what is given: plain cargo variables are heeded as well.
HOST = $(if $(HOST_CFLAGS),AIONOTIFY_HOST_CFLAGS='$(HOST_CFLAGS)') \
	$(if $(HOST_HEADER),AIONOTIFY_HOST_HEADER='$(HOST_HEADER)') \
	$(if $(GENERATION),AIONOTIFY_GENERATION='$(GENERATION)') \
	$(if $(filter-out aionotify,$(LIBNAME)),AIONOTIFY_LIBNAME='$(LIBNAME)')
# The same for the tests, which are not built for the program.
HOST_TESTS = $(subst AIONOTIFY_,CAPI_TESTS_,$(HOST))
HOST_FEATURES = $(if $(HOST_CFLAGS),--features host-headers)
# Such a program has headers of its own; those of the reference would only be in its way.
HEADERS = aionotify $(if $(HOST_CFLAGS),,block qemu)

# How long `make demo-loop` puts each server under load.
LOAD_SECONDS = 5

# How long `make soak` runs.
SECONDS = 60

PAGES = $(wildcard man/*.3)

# Tested by themselves: beside the others cargo would give them libaionotify's own C functions.
COMPONENTS = $(patsubst %,aiocontext-%,aiocb async event-notifier posix program rfifolock thread-pool timer wake)

# What is built and installed: both libraries, or one of them. For a program with an AioContext of its
# own, only the notifier.
LIBRARIES = aionotify $(if $(HOST_CFLAGS),,aiocontext)

.PHONY: aiocontext aionotify all bench budget check clean demo demo-loop headers help host-report \
	install install-private lint soak uninstall verify abi-baseline

all: $(LIBRARIES)

aionotify:
	$(HOST) $(CARGO) build --release --locked -p aionotify $(HOST_FEATURES)

# In a cross build GLib's build script takes a pkg-config that is named for it for the target's.
aiocontext:
	PKG_CONFIG='$(PKG_CONFIG)' $(CARGO) build --profile loop --locked -p aiocontext

help:
	@echo 'make                build libaionotify and libaiocontext, .so and .a'
	@echo '                    or libaionotify with HOST_CFLAGS="-I..."'
	@echo '                    GENERATION=2.4|5.2 [HOST_HEADER=block/aio.h] [LIBNAME=aionotify-mine]'
	@echo '                    for a program that has an AioContext of its own (docs/ADOPTING.md)'
	@echo 'make demo           build, install privately, and run a C program on real files'
	@echo 'make demo-loop      the same for libaiocontext: a file server under load, LOAD_SECONDS=$(LOAD_SECONDS) each'
	@echo 'make check          the whole test suite'
	@echo 'make host-report    what HOST_CFLAGS="-I..." [HOST_HEADER=] [GENERATION=2.4|5.2] leads to'
	@echo 'make lint           formatters and linters'
	@echo 'make verify         model checkers, other architectures, memory checkers; as a table'
	@echo 'make bench          measure beside other libraries; writes docs/PERFORMANCE*.md'
	@echo 'make soak           loops under load for SECONDS=$(SECONDS); worst latency, spurious returns'
	@echo 'make headers        regenerate include/ from the Rust sources'
	@echo 'make abi-baseline   accept the present ABI as the one to compare with'
	@echo 'make install        install below PREFIX=$(PREFIX) (DESTDIR, LIBDIR, INCLUDEDIR, MANDIR, LIBRARIES)'
	@echo 'make uninstall      undo make install with the same variables'
	@echo 'make clean          remove what was built'

headers:
	$(CARGO) run --quiet --locked -p headers -- .

# install-library LIBRARY NAME: what is each library's own, under this name.
define install-library
	PKG_CONFIG='$(PKG_CONFIG)' scripts/pkg-config-file $(1) '$(PREFIX)' '$(LIBDIR)' '$(INCLUDEDIR)' \
		'$(VERSION)' '$(2)' > $(DIR_$(1))/$(1).pc
	$(INSTALL) -m 755 $(DIR_$(1))/lib$(1).so '$(DESTDIR)$(LIBDIR)/lib$(2).so.$(VERSION)'
	ln -sf lib$(2).so.$(VERSION) '$(DESTDIR)$(LIBDIR)/lib$(2).so.$(SOVERSION)'
	ln -sf lib$(2).so.$(SOVERSION) '$(DESTDIR)$(LIBDIR)/lib$(2).so'
	$(INSTALL) -m 644 $(DIR_$(1))/lib$(1).a '$(DESTDIR)$(LIBDIR)/lib$(2).a'
	$(STRIP) --strip-debug '$(DESTDIR)$(LIBDIR)/lib$(2).a'
	$(INSTALL) -m 644 $(DIR_$(1))/$(1).pc '$(DESTDIR)$(LIBDIR)/pkgconfig/$(2).pc'

endef

install: all
	$(INSTALL) -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(MANDIR)/man3'
	$(foreach library,$(LIBRARIES),$(call install-library,$(library),$(NAME_$(library))))
	for folder in $(HEADERS); do \
		$(INSTALL) -d '$(DESTDIR)$(INCLUDEDIR)/$(LIBNAME)'/$$folder && \
		$(INSTALL) -m 644 include/$$folder/*.h '$(DESTDIR)$(INCLUDEDIR)/$(LIBNAME)'/$$folder || exit; \
	done
	$(if $(PAGES),$(INSTALL) -m 644 $(PAGES) '$(DESTDIR)$(MANDIR)/man3')

uninstall:
	rm -f $(foreach library,$(LIBRARIES),$(foreach suffix,.a .so .so.$(SOVERSION) .so.$(VERSION), \
		'$(DESTDIR)$(LIBDIR)/lib$(NAME_$(library))$(suffix)') \
		'$(DESTDIR)$(LIBDIR)/pkgconfig/$(NAME_$(library)).pc')
	rm -f $(patsubst man/%,'$(DESTDIR)$(MANDIR)/man3/%',$(PAGES))
	rm -rf '$(DESTDIR)$(INCLUDEDIR)/$(LIBNAME)'

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

demo-loop:
	@scripts/setup demo
	@scripts/setup demo-loop
	@mkdir -p $(TARGET_DIR)
	@echo 'Building and installing into $(PRIVATE)'
	@$(MAKE) --no-print-directory install-private > /dev/null
	@CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' demo/loop/run '$(PRIVATE)' $(LOAD_SECONDS)

check:
	scripts/setup check
	@mkdir -p $(TARGET_DIR)
	$(MAKE) --no-print-directory install-private
	AIONOTIFY_PREFIX='$(PRIVATE)' $(HOST_TESTS) $(CARGO) test --locked \
		$(if $(HOST_CFLAGS),-p capi-tests --test host -- --ignored,--workspace --exclude bench $(COMPONENTS:%=--exclude %))
ifndef HOST_CFLAGS
	$(CARGO) test --locked $(COMPONENTS:%=-p %)
	$(MAKE) --no-print-directory budget
endif

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
	@AIONOTIFY_PREFIX='$(PRIVATE)' $(CARGO) run --quiet --locked --profile bench -p bench -- loops

# What the library would take from the headers that HOST_CFLAGS leads to, or why it would not.
host-report:
	@scripts/setup host
	@$(HOST) $(CARGO) run --quiet --locked -p host-report -- \
		'$(or $(CARGO_BUILD_TARGET),$(shell rustc -vV | sed -n 's/^host: //p'))'

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
