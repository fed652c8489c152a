// The pages of docs/findings as text, so that the program carries the documents that people read.
#include "CFindings.h"

#include <string.h>

#pragma clang diagnostic ignored "-Wc23-extensions"

static const char block_overlap[] = {
#embed "../../docs/findings/block-overlap.md" suffix(, )
    0};
static const char capability_unmapped[] = {
#embed "../../docs/findings/capability-unmapped.md" suffix(, )
    0};
static const char flags_contradict[] = {
#embed "../../docs/findings/flags-contradict.md" suffix(, )
    0};
static const char free_unlisted[] = {
#embed "../../docs/findings/free-unlisted.md" suffix(, )
    0};
static const char freelist_broken_link[] = {
#embed "../../docs/findings/freelist-broken-link.md" suffix(, )
    0};
static const char freelist_cycle[] = {
#embed "../../docs/findings/freelist-cycle.md" suffix(, )
    0};
static const char freelist_wrong_state[] = {
#embed "../../docs/findings/freelist-wrong-state.md" suffix(, )
    0};
static const char hook_allocates[] = {
#embed "../../docs/findings/hook-allocates.md" suffix(, )
    0};
static const char hook_blocks[] = {
#embed "../../docs/findings/hook-blocks.md" suffix(, )
    0};
static const char hook_called_twice[] = {
#embed "../../docs/findings/hook-called-twice.md" suffix(, )
    0};
static const char hook_dead[] = {
#embed "../../docs/findings/hook-dead.md" suffix(, )
    0};
static const char hook_enables_irqs[] = {
#embed "../../docs/findings/hook-enables-irqs.md" suffix(, )
    0};
static const char hook_irqs_enabled[] = {
#embed "../../docs/findings/hook-irqs-enabled.md" suffix(, )
    0};
static const char hook_lock_held[] = {
#embed "../../docs/findings/hook-lock-held.md" suffix(, )
    0};
static const char hook_locks[] = {
#embed "../../docs/findings/hook-locks.md" suffix(, )
    0};
static const char hook_not_called[] = {
#embed "../../docs/findings/hook-not-called.md" suffix(, )
    0};
static const char hook_not_executable[] = {
#embed "../../docs/findings/hook-not-executable.md" suffix(, )
    0};
static const char hook_not_function[] = {
#embed "../../docs/findings/hook-not-function.md" suffix(, )
    0};
static const char hook_panics[] = {
#embed "../../docs/findings/hook-panics.md" suffix(, )
    0};
static const char hook_partial[] = {
#embed "../../docs/findings/hook-partial.md" suffix(, )
    0};
static const char hook_reentered[] = {
#embed "../../docs/findings/hook-reentered.md" suffix(, )
    0};
static const char hook_unproven[] = {
#embed "../../docs/findings/hook-unproven.md" suffix(, )
    0};
static const char hook_wrong_order[] = {
#embed "../../docs/findings/hook-wrong-order.md" suffix(, )
    0};
static const char mapping_exceeds_references[] = {
#embed "../../docs/findings/mapping-exceeds-references.md" suffix(, )
    0};
static const char mapping_of_free_frame[] = {
#embed "../../docs/findings/mapping-of-free-frame.md" suffix(, )
    0};
static const char order_misaligned[] = {
#embed "../../docs/findings/order-misaligned.md" suffix(, )
    0};
static const char pin_orphaned[] = {
#embed "../../docs/findings/pin-orphaned.md" suffix(, )
    0};
static const char pin_stale[] = {
#embed "../../docs/findings/pin-stale.md" suffix(, )
    0};
static const char poison_half_set[] = {
#embed "../../docs/findings/poison-half-set.md" suffix(, )
    0};
static const char poison_recycled[] = {
#embed "../../docs/findings/poison-recycled.md" suffix(, )
    0};
static const char quarantine_count_mismatch[] = {
#embed "../../docs/findings/quarantine-count-mismatch.md" suffix(, )
    0};
static const char reference_mismatch[] = {
#embed "../../docs/findings/reference-mismatch.md" suffix(, )
    0};
static const char reference_unowned[] = {
#embed "../../docs/findings/reference-unowned.md" suffix(, )
    0};
static const char sentinel_broken[] = {
#embed "../../docs/findings/sentinel-broken.md" suffix(, )
    0};
static const char vtable_dangling[] = {
#embed "../../docs/findings/vtable-dangling.md" suffix(, )
    0};
static const char vtable_empty[] = {
#embed "../../docs/findings/vtable-empty.md" suffix(, )
    0};
static const char vtable_misaligned[] = {
#embed "../../docs/findings/vtable-misaligned.md" suffix(, )
    0};
static const char vtable_on_free_frame[] = {
#embed "../../docs/findings/vtable-on-free-frame.md" suffix(, )
    0};
static const char vtable_reserved_nonzero[] = {
#embed "../../docs/findings/vtable-reserved-nonzero.md" suffix(, )
    0};
static const char vtable_symbol_mismatch[] = {
#embed "../../docs/findings/vtable-symbol-mismatch.md" suffix(, )
    0};
static const char vtable_unmapped[] = {
#embed "../../docs/findings/vtable-unmapped.md" suffix(, )
    0};
static const char vtable_writable[] = {
#embed "../../docs/findings/vtable-writable.md" suffix(, )
    0};

static const struct {
    const char *identifier;
    const char *text;
} pages[] = {
    {"block-overlap", block_overlap},
    {"capability-unmapped", capability_unmapped},
    {"flags-contradict", flags_contradict},
    {"free-unlisted", free_unlisted},
    {"freelist-broken-link", freelist_broken_link},
    {"freelist-cycle", freelist_cycle},
    {"freelist-wrong-state", freelist_wrong_state},
    {"hook-allocates", hook_allocates},
    {"hook-blocks", hook_blocks},
    {"hook-called-twice", hook_called_twice},
    {"hook-dead", hook_dead},
    {"hook-enables-irqs", hook_enables_irqs},
    {"hook-irqs-enabled", hook_irqs_enabled},
    {"hook-lock-held", hook_lock_held},
    {"hook-locks", hook_locks},
    {"hook-not-called", hook_not_called},
    {"hook-not-executable", hook_not_executable},
    {"hook-not-function", hook_not_function},
    {"hook-panics", hook_panics},
    {"hook-partial", hook_partial},
    {"hook-reentered", hook_reentered},
    {"hook-unproven", hook_unproven},
    {"hook-wrong-order", hook_wrong_order},
    {"mapping-exceeds-references", mapping_exceeds_references},
    {"mapping-of-free-frame", mapping_of_free_frame},
    {"order-misaligned", order_misaligned},
    {"pin-orphaned", pin_orphaned},
    {"pin-stale", pin_stale},
    {"poison-half-set", poison_half_set},
    {"poison-recycled", poison_recycled},
    {"quarantine-count-mismatch", quarantine_count_mismatch},
    {"reference-mismatch", reference_mismatch},
    {"reference-unowned", reference_unowned},
    {"sentinel-broken", sentinel_broken},
    {"vtable-dangling", vtable_dangling},
    {"vtable-empty", vtable_empty},
    {"vtable-misaligned", vtable_misaligned},
    {"vtable-on-free-frame", vtable_on_free_frame},
    {"vtable-reserved-nonzero", vtable_reserved_nonzero},
    {"vtable-symbol-mismatch", vtable_symbol_mismatch},
    {"vtable-unmapped", vtable_unmapped},
    {"vtable-writable", vtable_writable},
};

const char *fi_finding_page(const char *identifier) {
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (!strcmp(pages[i].identifier, identifier)) return pages[i].text;
    return NULL;
}
