/*
 * The same loop from C++: a bottom half that a std::thread schedules, and a timer. Links
 * libaiocontext.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "block/aio.h"
#include <functional>
#include <iostream>
#include <memory>
#include <thread>

namespace
{

// A bottom half that runs a function object, and is deleted with this.
class BottomHalf
{
  public:
    BottomHalf(AioContext *ctx, std::function<void()> function)
        : function_(std::move(function)), bh_(aio_bh_new(ctx, run, this))
    {
    }
    ~BottomHalf()
    {
        qemu_bh_delete(bh_);
    }
    BottomHalf(const BottomHalf &) = delete;
    BottomHalf &operator=(const BottomHalf &) = delete;

    // From any thread.
    void schedule()
    {
        qemu_bh_schedule(bh_);
    }

  private:
    // An exception must not leave it: the library is not written in C++.
    static void run(void *self) noexcept
    {
        static_cast<BottomHalf *>(self)->function_();
    }

    std::function<void()> function_;
    QEMUBH *bh_;
};

} // namespace

int main()
{
    init_clocks();
    std::unique_ptr<AioContext, decltype(&aio_context_unref)> ctx(aio_context_new(nullptr),
                                                                  aio_context_unref);
    if (!ctx) {
        return 1;
    }
    bool ran = false;
    BottomHalf bh(ctx.get(), [&ran] {
        std::cout << "scheduled by a thread\n";
        ran = true;
    });
    std::thread thread([&bh] { bh.schedule(); });
    while (!ran) {
        aio_poll(ctx.get(), true);
    }
    thread.join();
    return 0;
}
