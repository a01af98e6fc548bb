/* A program that has SQLite and no Python: `host DATABASE EXTENSION forks|threads|closes|alarms|moves|old|asks SQL|embeds LIBPYTHON`.
   Prints what a test compares. With -DANOTHER_PYTHON it has a Python, by all appearances, that it has not started. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
int sqlite3_open(const char *, sqlite3 **);
int sqlite3_close_v2(sqlite3 *);
int sqlite3_enable_load_extension(sqlite3 *, int);
int sqlite3_load_extension(sqlite3 *, const char *, const char *, char **);
int sqlite3_prepare_v2(sqlite3 *, const char *, int, sqlite3_stmt **, const char **);
int sqlite3_step(sqlite3_stmt *);
int sqlite3_finalize(sqlite3_stmt *);
const unsigned char *sqlite3_column_text(sqlite3_stmt *, int);
const char *sqlite3_errmsg(sqlite3 *);
char *sqlite3_mprintf(const char *, ...);

static const char *database, *extension;

#ifdef ANOTHER_PYTHON
__attribute__((visibility("default"))) int Py_IsInitialized(void) { return 0; }
#endif

static sqlite3 *opened(void) {
    sqlite3 *db;
    char *message = NULL;
    sqlite3_open(database, &db);
    sqlite3_enable_load_extension(db, 1);
    if (sqlite3_load_extension(db, extension, NULL, &message)) {
        printf("%s\n", message);
        exit(3);
    }
    return db;
}

static void say(sqlite3 *db, const char *who, const char *sql) { /* the first value, or the error */
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == 0 && sqlite3_step(stmt) == 100)
        printf("%s: %s\n", who, (const char *)sqlite3_column_text(stmt, 0));
    else
        printf("%s: error: %s\n", who, sqlite3_errmsg(db));
    sqlite3_finalize(stmt);
    fflush(stdout);
}

static const char *const QUESTIONS[] = {
    "SELECT clust_version()", "SELECT clust_medoid(id, vector) FROM Embedding", "SELECT count(*) FROM clust_labels(1)",
    "SELECT count(*) FROM clust_duplicates((SELECT clust_points(id, vector) FROM Embedding))"};

static void ask(sqlite3 *db, const char *who) {
    for (size_t i = 0; i < sizeof QUESTIONS / sizeof *QUESTIONS; i++) say(db, who, QUESTIONS[i]);
}

static void *thread(void *unused) {
    sqlite3 *db = opened();
    (void)unused;
    for (int i = 0; i < 5; i++) ask(db, "thread");
    sqlite3_close_v2(db);
    return NULL;
}

static void pass(int signal) {
    (void)signal;
}

static void embed(const char *library) { /* a Python that nobody else can see, as a plug-in's */
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL), *found[2] = {0};
    void (*initialize)(int);
    void *(*save)(void);
    if (!handle || !(found[0] = dlsym(handle, "Py_InitializeEx")) || !(found[1] = dlsym(handle, "PyEval_SaveThread"))) exit(4);
    memcpy(&initialize, &found[0], sizeof initialize), memcpy(&save, &found[1], sizeof save);
    initialize(0), save();
}

static int old_version(void) {
    return 3036000;
}

static void load_into_old(void) { /* the table of routines as an SQLite of 3.36 has it, as far as it is to be looked at */
    const void *routines[300] = {0};
    int (*begin)(sqlite3 *, char **, const void **);
    char *message = NULL;
    void *handle = dlopen(extension, RTLD_NOW), *found = handle ? dlsym(handle, "sqlite3_sqlclust_init") : NULL;
    if (!found) exit(4);
    memcpy(&begin, &found, sizeof begin);
    routines[67] = (const void *)old_version, routines[69] = (const void *)sqlite3_mprintf;
    printf("%d: ", begin(NULL, &message, routines));
    printf("%s\n", message);
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    database = argv[1], extension = argv[2];
    if (!strcmp(argv[3], "forks")) {
        sqlite3 *db = opened();
        sqlite3_stmt *begun;
        sqlite3_prepare_v2(db, "SELECT id FROM clust_labels(1)", -1, &begun, NULL);
        sqlite3_step(begun);
        pid_t child = fork();
        if (child == 0) {
            ask(db, "child");
            printf("child: a step: %d\n", sqlite3_step(begun));
            sqlite3_finalize(begun);
            sqlite3_close_v2(db);
            fflush(stdout);
            _exit(0);
        }
        int status = -1;
        waitpid(child, &status, 0);
        printf("child ended with %d\n", status);
        sqlite3_finalize(begun);
        ask(db, "parent");
        sqlite3_close_v2(db);
    } else if (!strcmp(argv[3], "threads")) {
        pthread_t threads[4];
        for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, thread, NULL);
        for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    } else if (!strcmp(argv[3], "alarms")) { /* system calls that wait are interrupted every 20 ms */
        struct sigaction action = {.sa_handler = pass};
        struct itimerval often = {{0, 20000}, {0, 20000}};
        sigaction(SIGALRM, &action, NULL), setitimer(ITIMER_REAL, &often, NULL);
        ask(opened(), "alarms");
    } else if (!strcmp(argv[3], "moves")) { /* loads it by a relative path, goes away, and loads it by its whole one */
        char folder[4096];
        snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(argv[2], '/') - argv[2]), argv[2]);
        if (chdir(folder)) return 2;
        snprintf(folder, sizeof folder, ".%s", strrchr(argv[2], '/'));
        extension = folder;
        ask(opened(), "relative");
        if (chdir("/")) return 2;
        extension = argv[2];
        ask(opened(), "moved");
    } else if (!strcmp(argv[3], "old")) {
        load_into_old();
    } else if (!strcmp(argv[3], "asks") && argc > 4) {
        sqlite3 *db = opened();
        say(db, "answer", argv[4]);
        sqlite3_close_v2(db);
    } else if (!strcmp(argv[3], "embeds") && argc > 4) {
        embed(argv[4]);
        ask(opened(), "embeds");
    } else { /* ends with a statement that has rows left, and a connection that is closed before it */
        sqlite3 *db = opened(), *other = opened();
        sqlite3_stmt *begun, *left;
        sqlite3_prepare_v2(db, "SELECT id FROM clust_labels(1)", -1, &begun, NULL);
        sqlite3_step(begun);
        sqlite3_prepare_v2(other, "SELECT id FROM clust_labels(1)", -1, &left, NULL);
        sqlite3_step(left);
        sqlite3_close_v2(db);
        printf("a step: %d\n", sqlite3_step(begun));
        sqlite3_finalize(begun);
        ask(other, "other");
    }
    return 0;
}
