/* Loads a libclang and parses the kernel's nftables header with it, as bindgen does when rustables is built.
 * Usage: libclang PATH [ARGUMENT...], the arguments as clang takes them. Exits with 0 when the header was parsed without
 * an error; else prints what is wrong. The prototypes are declared here, because the headers of libclang are in another
 * package than the library. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

struct unsaved_file { const char *name, *contents; unsigned long length; };
struct string { const void *data; unsigned flags; };

static const unsigned SEVERITY_ERROR = 3;

int main(int count, const char **arguments) {
    void *library = count > 1 ? dlopen(arguments[1], RTLD_NOW) : NULL;
    if (!library) {
        printf("%s\n", count > 1 ? dlerror() : "usage: libclang PATH [ARGUMENT...]");
        return 1;
    }
    void *(*create_index)(int, int) = dlsym(library, "clang_createIndex");
    void *(*parse)(void *, const char *, const char *const *, int, struct unsaved_file *, unsigned, unsigned) =
        dlsym(library, "clang_parseTranslationUnit");
    unsigned (*diagnostic_count)(void *) = dlsym(library, "clang_getNumDiagnostics");
    void *(*diagnostic)(void *, unsigned) = dlsym(library, "clang_getDiagnostic");
    unsigned (*severity)(void *) = dlsym(library, "clang_getDiagnosticSeverity");
    struct string (*spelling)(void *) = dlsym(library, "clang_getDiagnosticSpelling");
    const char *(*text)(struct string) = dlsym(library, "clang_getCString");
    if (!create_index || !parse || !diagnostic_count || !diagnostic || !severity || !spelling || !text) {
        printf("%s lacks the functions of libclang\n", arguments[1]);
        return 1;
    }
    /* The headers of rustables, and no more: none of them needs those that come with clang. */
    const char *source = "#include <linux/netlink.h>\n#include <linux/netfilter/nfnetlink.h>\n"
                         "#include <linux/netfilter/nf_tables.h>\n";
    struct unsaved_file file = {"probe.c", source, strlen(source)};
    void *unit = parse(create_index(0, 0), "probe.c", arguments + 2, count - 2, &file, 1, 0);
    if (!unit) {
        printf("%s cannot parse C\n", arguments[1]);
        return 1;
    }
    for (unsigned i = 0; i < diagnostic_count(unit); i++) {
        if (severity(diagnostic(unit, i)) >= SEVERITY_ERROR) {
            printf("%s: %s\n", arguments[1], text(spelling(diagnostic(unit, i))));
            return 1;
        }
    }
    return 0;
}
