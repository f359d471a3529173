# libaionotify and libaiocontext: build, test, install. `make help` lists the targets.

PREFIX     = /usr/local
LIBDIR     = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
MANDIR     = $(PREFIX)/share/man
BINDIR     = $(PREFIX)/bin
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
PRIVATE = $(abspath $(TARGET_DIR))/installed$(if $(FOR_HOST),-for-host)
# The files that the demo checksums, as words for the shell; the project's own by default.
FILES = $(or $(wildcard $(shell git ls-files 2>/dev/null)),$(shell find src include -type f))

# A library for the AioContext of a program's own headers (docs/ADOPTING.md): the flags of the
# program's compiler, from the compile_commands.json of its build folder (and which of its sources), or
# as they are and the folder that they are relative to, or both, one behind the other; what its sources
# include; and the generation of its loop, 2.4 or 5.2.
HOST_COMPILE_COMMANDS =
HOST_SOURCE =
HOST_CFLAGS =
HOST_DIR    =
HOST_HEADER =
GENERATION  =
FOR_HOST = $(HOST_COMPILE_COMMANDS)$(HOST_CFLAGS)
# The library's name, for one that must not be taken for another. Without a program's headers it would be
# the default library under a program's own name.
LIBNAME     = aionotify
$(if $(strip $(LIBNAME)),,$(error LIBNAME: expected a name, found none; leave it out or give one))
$(if $(filter-out aionotify,$(LIBNAME)),$(if $(strip $(FOR_HOST)),,$(error LIBNAME: expected \
	HOST_COMPILE_COMMANDS or HOST_CFLAGS beside $(LIBNAME), found neither; give the variables with which \
	the library is built to make check, install and uninstall too)))
# The same as cargo knows it. Only what is given: plain cargo variables are heeded as well.
HOST = $(foreach name,HOST_COMPILE_COMMANDS HOST_SOURCE HOST_CFLAGS HOST_DIR HOST_HEADER, \
	$(if $($(name)),AIONOTIFY_$(name)='$(subst ','\'',$($(name)))')) \
	$(if $(GENERATION),AIONOTIFY_GENERATION='$(GENERATION)') \
	$(if $(filter-out aionotify,$(LIBNAME)),AIONOTIFY_LIBNAME='$(LIBNAME)')
# The same for the tests, which are not built for the program; their flags are what the report says.
HOST_TESTS = $(if $(HOST_HEADER),CAPI_TESTS_HOST_HEADER='$(HOST_HEADER)') \
	$(if $(GENERATION),CAPI_TESTS_GENERATION='$(GENERATION)') CAPI_TESTS_LIBNAME='$(LIBNAME)'
HOST_REPORT = $(HOST) $(CARGO) run --quiet --locked -p host-report -- \
	'$(or $(CARGO_BUILD_TARGET),$(shell rustc -vV | sed -n 's/^host: //p'))'
HOST_FEATURES = $(if $(FOR_HOST),--features host-headers)
# Such a program has headers of its own; those of the reference would only be in its way. A tree that
# takes the reference's libraries has the one header in a folder where there are no others.
HEADERS = aionotify $(if $(FOR_HOST),,block qemu)
TREE = $(if $(FOR_HOST),,$(DESTDIR)$(INCLUDEDIR)/$(LIBNAME)-tree)

# How long `make demo-loop` puts each server under load.
LOAD_SECONDS = 5

# How long `make soak` runs for each library.
SECONDS = 60

# The rows that `make verify` runs, by words of their claim or tool; all if empty. And where it writes
# its table.
ROWS     =
DOCUMENT = target/VERIFICATION.md

# Tested by themselves: beside the others cargo would give them libaionotify's own C functions.
COMPONENTS = $(patsubst libaiocontext/%/Cargo.toml,aiocontext-%,$(wildcard libaiocontext/*/Cargo.toml))

# What is built and installed: both libraries, or one of them. For a program with an AioContext of its
# own, only the notifier.
LIBRARIES = aionotify $(if $(FOR_HOST),,aiocontext)

ifneq ($(strip $(FOR_HOST)),)
ifneq ($(filter aiocontext,$(LIBRARIES) $(MAKECMDGOALS)),)
$(error libaiocontext has one layout, and is not built from a program's headers: leave HOST_* or aiocontext out)
endif
endif

.PHONY: aiocontext aionotify aionotify-check all bench budget check clean demo demo-loop headers help host-report \
	install install-check install-private lint soak uninstall verify abi-baseline

all: $(LIBRARIES)

aionotify:
	$(HOST) $(CARGO) build --release --locked -p libaionotify $(HOST_FEATURES)

# In a cross build GLib's build script takes a pkg-config that is named for it for the target's.
aiocontext:
	PKG_CONFIG='$(PKG_CONFIG)' $(CARGO) build --profile loop --locked -p libaiocontext

# The tool that looks for what is left in a program (docs/ADOPTING.md): one static file.
CHECK_TARGET = $(shell rustc -vV | sed -n 's/^host: //p')
aionotify-check:
	RUSTFLAGS='-C target-feature=+crt-static' $(CARGO) build --release --locked -p aionotify-check \
		--target $(CHECK_TARGET)
	cp $(TARGET_DIR)/$(CHECK_TARGET)/release/aionotify-check $(TARGET_DIR)/aionotify-check

install-check: aionotify-check
	$(INSTALL) -d '$(DESTDIR)$(BINDIR)'
	$(INSTALL) -m 755 $(TARGET_DIR)/aionotify-check '$(DESTDIR)$(BINDIR)'

help:
	@echo 'make                build libaionotify and libaiocontext, .so and .a'
	@echo '                    or libaionotify with HOST_COMPILE_COMMANDS=.../compile_commands.json'
	@echo '                    [HOST_SOURCE=util/async.c], or HOST_CFLAGS="-I..." [HOST_DIR=...], and'
	@echo '                    GENERATION=2.4|5.2 [HOST_HEADER=block/aio.h] [LIBNAME=aionotify-mine]'
	@echo '                    for a program that has an AioContext of its own (docs/ADOPTING.md);'
	@echo '                    HOST_CFLAGS beside HOST_COMPILE_COMMANDS is added to its flags'
	@echo 'make demo           build, install privately, and run a C program on real files'
	@echo 'make demo-loop      the same for libaiocontext: a file server under load, LOAD_SECONDS=$(LOAD_SECONDS) each'
	@echo 'make check          the whole test suite'
	@echo 'make host-report    what HOST_COMPILE_COMMANDS=... or HOST_CFLAGS=... leads to'
	@echo 'make install-check  aionotify-check, which looks for what is left in a program, into BINDIR'
	@echo 'make lint           formatters and linters'
	@echo 'make verify         model checkers, other architectures, memory checkers; as a table, which'
	@echo '                    goes to DOCUMENT=$(DOCUMENT); ROWS="words" runs the rows with'
	@echo '                    these words only'
	@echo 'make bench          measure beside other libraries; writes docs/PERFORMANCE*.md'
	@echo 'make soak           loops of both libraries under load, SECONDS=$(SECONDS) each;'
	@echo '                    worst latency, spurious returns; fails for a lost wakeup or a busy loop'
	@echo 'make headers        regenerate include/ and man/ from the Rust sources'
	@echo 'make abi-baseline   accept the present ABI as the one to compare with'
	@echo 'make install        install below PREFIX=$(PREFIX) (DESTDIR, LIBDIR, INCLUDEDIR, MANDIR, BINDIR, LIBRARIES)'
	@echo 'make uninstall      undo make install with the same variables; what the other library shares stays'
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
	scripts/man-pages $(1) '$(DESTDIR)$(MANDIR)/man3'

endef

install: all
	$(INSTALL) -d '$(DESTDIR)$(LIBDIR)/pkgconfig' '$(DESTDIR)$(MANDIR)/man3'
	$(foreach library,$(LIBRARIES),$(call install-library,$(library),$(NAME_$(library))))
	for folder in $(HEADERS); do \
		$(INSTALL) -d '$(DESTDIR)$(INCLUDEDIR)/$(LIBNAME)'/$$folder && \
		$(INSTALL) -m 644 include/$$folder/*.h '$(DESTDIR)$(INCLUDEDIR)/$(LIBNAME)'/$$folder || exit; \
	done
	$(if $(TREE),$(INSTALL) -d '$(TREE)/aionotify' && $(INSTALL) -m 644 include/aionotify/*.h '$(TREE)/aionotify')
	$(if $(FOR_HOST),scripts/target-header $(DIR_aionotify)/libaionotify.a \
		> '$(DESTDIR)$(INCLUDEDIR)/$(LIBNAME)/aionotify/target.h')

# Headers, pages and the tool stay while another library is there that shares them.
uninstall:
	rm -f $(foreach library,$(LIBRARIES),$(foreach suffix,.a .so .so.$(SOVERSION) .so.$(VERSION), \
		'$(DESTDIR)$(LIBDIR)/lib$(NAME_$(library))$(suffix)') \
		'$(DESTDIR)$(LIBDIR)/pkgconfig/$(NAME_$(library)).pc')
	kept=$$(for library in aionotify aiocontext; do \
		test ! -e '$(DESTDIR)$(LIBDIR)/pkgconfig/'$$library.pc || echo $$library; \
	done); \
	pages() { for library; do scripts/man-pages $$library; done; }; \
	named=$$(grep -qs '^Description: The wakeup protocol of' '$(DESTDIR)$(LIBDIR)/pkgconfig/'*.pc && \
		echo aionotify || true); \
	for page in $$(pages $(LIBRARIES) | grep -vxF "$$(pages $$kept $$named)"); do \
		rm -f '$(DESTDIR)$(MANDIR)/man3/'$$page; \
	done; \
	test -n "$$kept$$named" || rm -f '$(DESTDIR)$(BINDIR)/aionotify-check'; \
	$(if $(filter aionotify,$(LIBNAME)),test -n "$$kept" ||) \
		rm -rf '$(DESTDIR)$(INCLUDEDIR)/$(LIBNAME)' $(if $(TREE),'$(TREE)')

# A tree of its own for the tests and the demo, made anew, so that nothing old is tested.
install-private:
	@mkdir -p $(TARGET_DIR)
	rm -rf '$(PRIVATE)'
	+$(MAKE) --no-print-directory install DESTDIR= PREFIX='$(PRIVATE)' LIBDIR='$(PRIVATE)/lib' \
		INCLUDEDIR='$(PRIVATE)/include' MANDIR='$(PRIVATE)/share/man' > $(TARGET_DIR)/install.log

demo:
	@scripts/setup demo
	@echo 'Building and installing into $(PRIVATE)'
	@$(MAKE) --no-print-directory install-private > /dev/null
	@CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' demo/run '$(PRIVATE)' $(FILES)

demo-loop:
	@scripts/setup demo
	@scripts/setup demo-loop
	@echo 'Building and installing into $(PRIVATE)'
	@$(MAKE) --no-print-directory install-private > /dev/null
	@CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' demo/loop/run '$(PRIVATE)' $(LOAD_SECONDS)

check:
	scripts/setup $(if $(FOR_HOST),check-host,check)
	$(MAKE) --no-print-directory install-private
ifneq ($(strip $(FOR_HOST)),)
	CAPI_TESTS_HOST_CFLAGS="$$($(HOST_REPORT) --flags)" && export CAPI_TESTS_HOST_CFLAGS && \
		AIONOTIFY_PREFIX='$(PRIVATE)' $(HOST_TESTS) $(CARGO) test --locked --no-fail-fast \
		-p capi-tests --test host -- --ignored
else
	AIONOTIFY_PREFIX='$(PRIVATE)' $(CARGO) test --locked --no-fail-fast \
		--workspace --exclude bench $(COMPONENTS:%=--exclude %)
	$(CARGO) test --locked --no-fail-fast $(COMPONENTS:%=-p %)
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
	@$(MAKE) --no-print-directory install-private > /dev/null
	@AIONOTIFY_PREFIX='$(PRIVATE)' $(CARGO) bench --quiet --locked -p bench --bench time
	@AIONOTIFY_PREFIX='$(PRIVATE)' scripts/instructions > $(TARGET_DIR)/instructions.log
	@AIONOTIFY_PREFIX='$(PRIVATE)' $(CARGO) run --quiet --locked --profile bench -p bench -- report
	@AIONOTIFY_PREFIX='$(PRIVATE)' $(CARGO) run --quiet --locked --profile bench -p bench -- loops

# What the library would take from the program's headers, or why it would not.
host-report:
	@scripts/setup host
	@$(HOST_REPORT)

lint:
	scripts/setup lint
	@$(MAKE) --no-print-directory install-private > /dev/null
	scripts/lint

verify:
	@scripts/setup check
	@scripts/setup verify
	@$(MAKE) --no-print-directory install-private > /dev/null
	@AIONOTIFY_PREFIX='$(PRIVATE)' $(CARGO) run --quiet --locked -p verify -- \
		--write '$(DOCUMENT)' '$(ROWS)'

soak:
	@scripts/setup demo
	@$(MAKE) --no-print-directory install-private > /dev/null
	@scripts/soak '$(PRIVATE)' '$(SECONDS)'

abi-baseline:
	scripts/setup check
	scripts/abi-baseline

clean:
	$(CARGO) clean
