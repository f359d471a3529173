/*
 * A program that loads the library (named by its argument) at run time, and closes it while
 * workers of a pool may be on their way out of its code: the library stays loaded.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <dlfcn.h>
#include <pthread.h>

#include "block/aio.h"
#include "block/thread-pool.h"

#include "../check.h"

enum { REQUESTS = 8 };

static const char *path;

/* What the program uses of the library. */
static struct {
    __typeof__(init_clocks) *init_clocks;
    __typeof__(aio_context_new) *context_new;
    __typeof__(aio_context_unref) *context_unref;
    __typeof__(aio_get_thread_pool) *get_thread_pool;
    __typeof__(thread_pool_submit_aio) *submit;
    __typeof__(aio_poll) *poll;
} library;

static void find(void *handle, const char *name, void *function)
{
    /* POSIX has no other way to make a function of it. */
    *(void **)function = dlsym(handle, name);
    CHECK(*(void **)function != NULL);
}

static void *load(void)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (handle == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    find(handle, "init_clocks", &library.init_clocks);
    find(handle, "aio_context_new", &library.context_new);
    find(handle, "aio_context_unref", &library.context_unref);
    find(handle, "aio_get_thread_pool", &library.get_thread_pool);
    find(handle, "thread_pool_submit_aio", &library.submit);
    find(handle, "aio_poll", &library.poll);
    return handle;
}

static int return_0(void *unused)
{
    (void)unused;
    return 0;
}

static void count_completion(void *completed, int ret)
{
    CHECK_EQ(ret, 0);
    ++*(int *)completed;
}

static void use_a_pool(void)
{
    AioContext *ctx = library.context_new(NULL);
    int completed = 0, i;

    CHECK(ctx != NULL);
    for (i = 0; i < REQUESTS; i++) {
        library.submit(library.get_thread_pool(ctx), return_0, NULL, count_completion,
                       &completed);
    }
    while (completed < REQUESTS) {
        library.poll(ctx, true);
    }
    library.context_unref(ctx);
}

static void use_a_context(void *unused)
{
    AioContext *ctx = library.context_new(NULL);

    (void)unused;
    CHECK(ctx != NULL);
    CHECK_EQ(library.poll(ctx, false), false);
    library.context_unref(ctx);
}

/* Pointers into the library stay valid, such as its fork handlers. */
static void dlclose_leaves_the_library_loaded(void)
{
    void *handle = load();

    library.init_clocks();
    use_a_context(NULL);
    CHECK_EQ(dlclose(handle), 0);
    handle = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    CHECK(handle != NULL);
    CHECK_EQ(dlclose(handle), 0);
    use_a_context(NULL);
    check_child_succeeds(use_a_context, NULL);
}

static void dlclose_leaves_workers_their_code(void)
{
    int i;

    for (i = 0; i < check_often(200); i++) {
        void *handle = load();

        library.init_clocks();
        use_a_pool();
        CHECK_EQ(dlclose(handle), 0);
    }
}

int main(int argc, char **argv)
{
    CHECK_EQ(argc, 2);
    path = argv[1];
    RUN(dlclose_leaves_the_library_loaded);
    RUN(dlclose_leaves_workers_their_code);
    return 0;
}
