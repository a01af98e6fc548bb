/* A program that has SQLite and no Python: `host DATABASE EXTENSION forks|threads|closes`. Prints what a test compares. */

#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static const char *database, *extension;

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

int main(int argc, char **argv) {
    if (argc != 4) return 2;
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
