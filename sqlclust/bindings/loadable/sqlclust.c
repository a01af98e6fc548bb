/* sqlclust as a loadable extension: everything of the catalogue, in any program that has SQLite.

   It joins the Python that runs in the program, or starts the one that sqlclust is installed for, and lets attach.py register
   everything through the functions below. SQLite is called through the table that it gives an extension, Python by the names of
   its functions: neither's headers are needed and nothing is linked. So one compiled file serves every Python and every SQLite.

   C has the callbacks, the loops over rows and the single steps of statements; what they mean is said in Python.

   Locks: a callback of SQLite takes Python's lock. Python's lock is let go wherever SQLite is entered and may wait.

   Counting: `uses` of a Host are what points to it. Whatever returns PyObject * returns a reference of the caller's own, or
   NULL with an exception set. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "python_abi.h"
#include "sqlite_abi.h"

#define INTERFACE 2 /* changes with what this file and attach.py expect of each other; attach.py compares it */
#define OLDEST_SQLITE 3037000 /* the first with STRICT tables */
#define POINTER "sqlclust-points" /* SQLite gives a pointer to those only who know its name */

#ifndef SQLCLUST_SOURCE
#define SQLCLUST_SOURCE "unknown"
#endif
__attribute__((used)) static const char source[] = "sqlclust source " SQLCLUST_SOURCE; /* loadable_path() looks for it */

extern char **environ;

/* --- Python ---------------------------------------------------------------------------------------------------- */

static struct {
#define F(result, name, arguments) result (*name) arguments;
    PYTHON_ROUTINES(F)
#undef F
#define F(name) PyObject *name;
    PYTHON_DATA(F)
#undef F
#define F(name) PyObject **name;
    PYTHON_EXCEPTIONS(F)
#undef F
} py;

static int started_here; /* whether this file started Python */
static int by_path; /* whether that Python has the package by its path only */
static PyObject *wait_for_imports; /* of attach.py; NULL before it is there */
static volatile int forked; /* whether this process is a copy of one in which it did: threads of Python are missing */

/* Find Python's functions in a library, or in the process; the name of one that is not there, or NULL. */
static const char *find_python(void *library) {
    void *found;
#define F(result, name, arguments) \
    if (!(found = dlsym(library, #name))) return #name; \
    memcpy(&py.name, &found, sizeof found);
    PYTHON_ROUTINES(F)
#undef F
#define F(name) \
    if (!(found = dlsym(library, #name))) return #name; \
    py.name = found;
    PYTHON_DATA(F)
    PYTHON_EXCEPTIONS(F)
#undef F
    return NULL;
}

static void drop(PyObject *object) {
    if (object) py.Py_DecRef(object);
}

static PyObject *shared(PyObject *object) { /* one more reference */
    py.Py_IncRef(object);
    return object;
}

static PyObject *none(void) {
    return shared(py._Py_NoneStruct);
}

static const char *is_away(void) { /* why Python cannot be entered, or NULL */
    if (forked) return "sqlclust: this process was forked from one that runs Python; load it in a process of its own";
    return py.Py_IsInitialized() ? NULL : "sqlclust: Python has ended in this process";
}

typedef struct Lock { int state; PyObject *type, *value, *trace; } Lock;

/* Take Python's lock, if there is a Python. What another callback of the host has raised, and SQLite goes on, is set aside. */
static int entered(Lock *lock) {
    if (is_away()) return 0;
    lock->state = py.PyGILState_Ensure();
    py.PyErr_Fetch(&lock->type, &lock->value, &lock->trace);
    return 1;
}

static void leave(Lock *lock) {
    if (lock->type) py.PyErr_Restore(lock->type, lock->value, lock->trace);
    py.PyGILState_Release(lock->state);
}

/* The exception that is set, which is then no longer set. */
static PyObject *caught(void) {
    PyObject *type, *value, *trace;
    py.PyErr_Fetch(&type, &value, &trace);
    py.PyErr_NormalizeException(&type, &value, &trace);
    if (value && trace) py.PyException_SetTraceback(value, trace);
    drop(type), drop(trace);
    return value;
}

static void raise_object(PyObject *error) { /* takes the reference */
    PyObject *type = error ? py.PyObject_Type(error) : NULL;
    if (type) py.PyErr_SetObject(type, error);
    drop(type), drop(error);
}

/* --- the host -------------------------------------------------------------------------------------------------- */

#define SLOTS 8 /* copies of SQLite in one process */
static struct { const void **api; Sqlite routines; } slots[SLOTS];

typedef struct Host { /* a connection; changed with Python's lock only */
    const Sqlite *s;
    sqlite3 *db; /* NULL once it is closed */
    int slot, is_own; /* is_own: opened here, and so closed here */
    int items;  /* functions, modules and collations that are registered on it */
    int uses;   /* items, tables, statements, capsules */
    int inside; /* statements of ours that run at this moment, one inside the other */
    PyObject *raise, *describe, *remind, *handle_type; /* of attach.py */
    PyObject *busy;    /* what is asked whether to wait */
    PyObject *pending; /* what a callback inside a statement of ours raised: SQLite only keeps its text */
} Host;

typedef struct Function { Host *host; PyObject *callable; int many; } Function;
typedef struct Statement {
    Host *host;
    sqlite3_stmt *stmt;
    PyObject *failed; /* the error that comes after the rows that were fetched last */
} Statement;

#ifdef SQLCLUST_FAULTS /* for tests: which of the next allocations fails, 0 for none */
__attribute__((visibility("default"))) int sqlclust_fail_at;
#endif

static void *allocated(size_t size) {
#ifdef SQLCLUST_FAULTS
    if (sqlclust_fail_at && --sqlclust_fail_at == 0) return NULL;
#endif
    return calloc(1, size);
}

static void release(Host *host) {
    if (--host->uses) return;
    if (host->is_own && host->db) host->s->close_v2(host->db);
    drop(host->raise), drop(host->describe), drop(host->remind), drop(host->handle_type), drop(host->busy), drop(host->pending);
    free(host);
}

static Function *held(Host *host, PyObject *callable, int many) {
    Function *function = allocated(sizeof *function);
    if (!function) { py.PyErr_NoMemory(); return NULL; }
    function->host = host, function->callable = shared(callable), function->many = many;
    host->items++, host->uses++;
    return function;
}

static void gone(void *pointer) { /* SQLite has no use for it any more; with the last one its connection has closed */
    Function *function = pointer;
    Lock lock;
    if (!entered(&lock)) return;
    drop(function->callable);
    if (--function->host->items == 0) {
        function->host->db = NULL;
        /* Next the program may end, and with it the libraries that a thread of Python is importing, after an interrupt or an error:
           the C library then says "Assertion failed", or worse. A Python that runs the program sees to its own end. */
        if (started_here && wait_for_imports) {
            PyObject *done = py.PyObject_CallObject(wait_for_imports, NULL);
            if (!done) py.PyErr_Clear();
            drop(done);
        }
    }
    release(function->host);
    free(function);
    leave(&lock);
}

static void drop_pointer(void *object) {
    Lock lock;
    if (!entered(&lock)) return;
    drop(object);
    leave(&lock);
}

/* --- values ---------------------------------------------------------------------------------------------------- */

static PyObject *from_value(const Sqlite *s, sqlite3_value *value) {
    const void *data;
    switch (s->value_type(value)) {
    case SQLITE_INTEGER: return py.PyLong_FromLongLong(s->value_int64(value));
    case SQLITE_FLOAT: return py.PyFloat_FromDouble(s->value_double(value));
    case SQLITE_TEXT:
        data = s->value_text(value);
        return data ? py.PyUnicode_DecodeUTF8(data, s->value_bytes(value), NULL) : py.PyErr_NoMemory();
    case SQLITE_BLOB: {
        data = s->value_blob(value);
        int size = s->value_bytes(value);
        return data || !size ? py.PyBytes_FromStringAndSize(data, size) : py.PyErr_NoMemory();
    }
    default: {
        PyObject *object = s->value_pointer(value, POINTER);
        return object ? shared(object) : none();
    }
    }
}

static PyObject *from_values(const Sqlite *s, int count, sqlite3_value **values) {
    PyObject *tuple = py.PyTuple_New(count);
    for (int i = 0; tuple && i < count; i++) {
        PyObject *item = from_value(s, values[i]);
        if (!item) { drop(tuple); return NULL; }
        py.PyTuple_SetItem(tuple, i, item);
    }
    return tuple;
}

static PyObject *from_column(const Sqlite *s, sqlite3_stmt *stmt, int i, Py_ssize_t *bytes) {
    const void *data;
    int size;
    switch (s->column_type(stmt, i)) {
    case SQLITE_INTEGER: return py.PyLong_FromLongLong(s->column_int64(stmt, i));
    case SQLITE_FLOAT: return py.PyFloat_FromDouble(s->column_double(stmt, i));
    case SQLITE_TEXT:
        data = s->column_text(stmt, i), size = s->column_bytes(stmt, i);
        *bytes += size;
        return data ? py.PyUnicode_DecodeUTF8(data, size, NULL) : py.PyErr_NoMemory();
    case SQLITE_BLOB:
        data = s->column_blob(stmt, i), size = s->column_bytes(stmt, i);
        *bytes += size;
        return data || !size ? py.PyBytes_FromStringAndSize(data, size) : py.PyErr_NoMemory();
    default: return none();
    }
}

static int kind_of(PyObject *object) { /* SQLite's type, 0 for none */
    if (object == py._Py_NoneStruct) return SQLITE_NULL;
    PyObject *type = py.PyObject_Type(object);
    py.Py_DecRef(type); /* the object keeps it */
    if (type == py.PyLong_Type) return SQLITE_INTEGER;
    if (type == py.PyFloat_Type) return SQLITE_FLOAT;
    if (type == py.PyUnicode_Type) return SQLITE_TEXT;
    if (type == py.PyBytes_Type) return SQLITE_BLOB;
    if (py.PyObject_IsInstance(object, py.PyLong_Type) == 1) return SQLITE_INTEGER; /* bool, IntEnum */
    if (py.PyObject_IsInstance(object, py.PyFloat_Type) == 1) return SQLITE_FLOAT;  /* numpy.float64 */
    if (py.PyObject_IsInstance(object, py.PyUnicode_Type) == 1) return SQLITE_TEXT;
    return py.PyObject_IsInstance(object, py.PyBytes_Type) == 1 ? SQLITE_BLOB : 0;
}

/* A Python object as what SQLite has; `data` lives as long as the object. */
typedef struct Value { int kind; long long number; double real; const char *data; Py_ssize_t size; } Value;

static int value_of(PyObject *object, Value *value) { /* 0, or -1 with an exception; a kind of 0 is for the caller */
    value->kind = kind_of(object);
    switch (value->kind) {
    case SQLITE_INTEGER:
        value->number = py.PyLong_AsLongLong(object);
        return value->number == -1 && py.PyErr_Occurred() ? -1 : 0;
    case SQLITE_FLOAT: value->real = py.PyFloat_AsDouble(object); return 0;
    case SQLITE_TEXT: return (value->data = py.PyUnicode_AsUTF8AndSize(object, &value->size)) ? 0 : -1;
    case SQLITE_BLOB: {
        char *bytes;
        if (py.PyBytes_AsStringAndSize(object, &bytes, &value->size)) return -1;
        value->data = bytes;
        return 0;
    }
    default: return 0;
    }
}

static int no_type_for(PyObject *object) {
    py.PyErr_Format(*py.PyExc_TypeError, "SQLite has no type for %R", object);
    return -1;
}

static int give(Host *host, sqlite3_context *context, PyObject *object) { /* as a result; 0, or -1 with an exception */
    const Sqlite *s = host->s;
    Value value;
    if (value_of(object, &value)) return -1;
    switch (value.kind) {
    case SQLITE_NULL: s->result_null(context); return 0;
    case SQLITE_INTEGER: s->result_int64(context, value.number); return 0;
    case SQLITE_FLOAT: s->result_double(context, value.real); return 0;
    case SQLITE_TEXT:
        s->result_text64(context, value.data, (sqlite3_uint64)value.size, SQLITE_TRANSIENT, SQLITE_UTF8);
        return 0;
    case SQLITE_BLOB: s->result_blob64(context, value.data, (sqlite3_uint64)value.size, SQLITE_TRANSIENT); return 0;
    default:
        if (py.PyObject_IsInstance(object, host->handle_type) != 1) return no_type_for(object);
        s->result_pointer(context, shared(object), POINTER, drop_pointer);
        return 0;
    }
}

/* --- errors ---------------------------------------------------------------------------------------------------- */

static int is_ctrl_c(PyObject *error) {
    return error && py.PyObject_IsInstance(error, *py.PyExc_KeyboardInterrupt) == 1;
}

/* Keep what a callback raised for the statement of ours that it is inside. Outside SQLite's error has to do; but Python hears of
   Ctrl-C again. Takes the reference. */
static void keep_error(Host *host, PyObject *error) {
    if (host->inside) {
        drop(host->pending);
        host->pending = error;
        return;
    }
    if (is_ctrl_c(error) && !started_here) {
        PyObject *at_once = py.PyObject_CallFunctionObjArgs(host->remind, NULL);
        if (!at_once) py.PyErr_Clear();
        else if (py.PyObject_IsTrue(at_once) == 1) py.PyErr_SetInterrupt(); /* Python looks for it when SQLite is back */
        drop(at_once);
    }
    drop(error);
}

/* Take Python's exception as SQLite's code, and a text to be freed with SQLite's free (NULL: no memory). */
static int take_error(Host *host, char **message) {
    PyObject *error = caught();
    const char *text = NULL;
    int code = SQLITE_NOMEM; /* why else could it not be described */
    PyObject *pair = error ? py.PyObject_CallFunctionObjArgs(host->describe, error, NULL) : NULL; /* (code, text) */
    if (pair) {
        text = py.PyUnicode_AsUTF8AndSize(py.PyTuple_GetItem(pair, 1), NULL);
        if (text) code = (int)py.PyLong_AsLongLong(py.PyTuple_GetItem(pair, 0));
    }
    if (py.PyErr_Occurred()) {
        PyObject *second = caught();
        if (is_ctrl_c(second)) { /* it came while the error was described */
            PyObject *first = error;
            error = second, second = first;
            text = "interrupted", code = SQLITE_INTERRUPT;
        }
        drop(second);
    }
    *message = host->s->mprintf("%s", text ? text : "out of memory");
    drop(pair);
    keep_error(host, error);
    return code;
}

static void say(const Sqlite *s, sqlite3_context *context, int code, const char *message) {
    if (code == SQLITE_NOMEM || !message) {
        s->result_error_nomem(context);
        return;
    }
    s->result_error(context, message, -1);
    s->result_error_code(context, code);
}

static void fail(Host *host, sqlite3_context *context) {
    char *message;
    int code = take_error(host, &message);
    say(host->s, context, code, message);
    host->s->free(message);
}

static PyObject *raise_error(Host *host, int code) {
    PyObject *error = host->pending;
    host->pending = NULL;
    if (!error) {
        int extended = host->s->extended_errcode(host->db);
        error = py.PyObject_CallFunction(host->raise, "is", (extended & 255) == (code & 255) ? extended : code,
                                         host->s->errmsg(host->db));
    }
    raise_object(error);
    return NULL;
}

static PyObject *checked(Host *host, int code) {
    return code ? raise_error(host, code) : none();
}

/* --- functions ------------------------------------------------------------------------------------------------- */

static void scalar(const Sqlite *s, sqlite3_context *context, int count, sqlite3_value **values) {
    Function *function = s->user_data(context);
    Lock lock;
    if (!entered(&lock)) { say(s, context, SQLITE_ERROR, is_away()); return; }
    PyObject *args = from_values(s, count, values);
    PyObject *result = args ? py.PyObject_CallObject(function->callable, args) : NULL;
    if (!result || give(function->host, context, result)) fail(function->host, context);
    drop(args), drop(result);
    leave(&lock);
}

#define MANY 128 /* rows that are handed over at once */
#define MANY_BYTES (1 << 22) /* or so many bytes of their values */

typedef struct Group { /* of an aggregate; SQLite gives it, with zeros */
    PyObject *object;
    PyObject *waiting; /* a tuple with a list for each argument */
    int rows, bytes, failed;
} Group;

static int hand_over(Group *group) {
    if (!group->waiting) return 0;
    PyObject *method = py.PyObject_GetAttrString(group->object, "step_many");
    PyObject *done = method ? py.PyObject_CallObject(method, group->waiting) : NULL;
    drop(method), drop(done), drop(group->waiting);
    group->waiting = NULL, group->rows = group->bytes = 0;
    return done ? 0 : -1;
}

static PyObject *lists(int count) {
    PyObject *tuple = py.PyTuple_New(count);
    for (int i = 0; tuple && i < count; i++) {
        PyObject *list = py.PyList_New(0);
        if (!list) { drop(tuple); return NULL; }
        py.PyTuple_SetItem(tuple, i, list);
    }
    return tuple;
}

static int step_later(const Sqlite *s, Group *group, int count, sqlite3_value **values) {
    if (!group->waiting && !(group->waiting = lists(count))) return -1;
    for (int i = 0; i < count; i++) {
        PyObject *item = from_value(s, values[i]);
        int failed = !item || py.PyList_Append(py.PyTuple_GetItem(group->waiting, i), item);
        drop(item);
        if (failed) return -1;
        if (s->value_type(values[i]) >= SQLITE_TEXT && s->value_type(values[i]) <= SQLITE_BLOB)
            group->bytes += s->value_bytes(values[i]) < MANY_BYTES ? s->value_bytes(values[i]) : MANY_BYTES;
    }
    return ++group->rows == MANY || group->bytes >= MANY_BYTES ? hand_over(group) : 0;
}

static int step_now(const Sqlite *s, Group *group, int count, sqlite3_value **values) {
    PyObject *args = from_values(s, count, values);
    PyObject *method = args ? py.PyObject_GetAttrString(group->object, "step") : NULL;
    PyObject *done = method ? py.PyObject_CallObject(method, args) : NULL;
    drop(args), drop(method), drop(done);
    return done ? 0 : -1;
}

static int has_object(Function *function, Group *group) {
    return group->object || (group->object = py.PyObject_CallObject(function->callable, NULL));
}

static void step(const Sqlite *s, sqlite3_context *context, int count, sqlite3_value **values) {
    Function *function = s->user_data(context);
    Group *group = s->aggregate_context(context, sizeof *group);
    Lock lock;
    if (!group) { s->result_error_nomem(context); return; }
    if (group->failed) return;
    if (!entered(&lock)) { group->failed = 1; say(s, context, SQLITE_ERROR, is_away()); return; }
    if (!has_object(function, group) || (function->many ? step_later : step_now)(s, group, count, values)) {
        group->failed = 1;
        fail(function->host, context);
    }
    leave(&lock);
}

static void final(const Sqlite *s, sqlite3_context *context) {
    Function *function = s->user_data(context);
    Group empty = {0}, *group = s->aggregate_context(context, 0);
    Lock lock;
    if (!group) group = &empty; /* no rows */
    if (!entered(&lock)) { say(s, context, SQLITE_ERROR, is_away()); return; }
    if (!group->failed) {
        PyObject *result = NULL;
        if (has_object(function, group) && !hand_over(group)) result = py.PyObject_CallMethod(group->object, "final", NULL);
        if (!result || give(function->host, context, result)) fail(function->host, context);
        drop(result);
    }
    drop(group->object), drop(group->waiting);
    memset(group, 0, sizeof *group);
    leave(&lock);
}

/* user_data() has to be asked of the SQLite that calls, which is not said: so each has callbacks of its own */
#define CALLBACKS(n) \
    static void scalar_##n(sqlite3_context *c, int k, sqlite3_value **v) { scalar(&slots[n].routines, c, k, v); } \
    static void step_##n(sqlite3_context *c, int k, sqlite3_value **v) { step(&slots[n].routines, c, k, v); } \
    static void final_##n(sqlite3_context *c) { final(&slots[n].routines, c); }
CALLBACKS(0) CALLBACKS(1) CALLBACKS(2) CALLBACKS(3) CALLBACKS(4) CALLBACKS(5) CALLBACKS(6) CALLBACKS(7)
#define NAMES(n) {scalar_##n, step_##n, final_##n}
static const struct {
    void (*scalar)(sqlite3_context *, int, sqlite3_value **);
    void (*step)(sqlite3_context *, int, sqlite3_value **);
    void (*final)(sqlite3_context *);
} callbacks[SLOTS] = {NAMES(0), NAMES(1), NAMES(2), NAMES(3), NAMES(4), NAMES(5), NAMES(6), NAMES(7)};

/* --- table functions ------------------------------------------------------------------------------------------- */

typedef struct Table { sqlite3_vtab base; Host *host; PyObject *object; int visible, args; } Table;
typedef struct Cursor {
    sqlite3_vtab_cursor base;
    PyObject *object, *rows; /* rows: an iterator of (place, row) */
    PyObject *item, *row;    /* the one there is; NULL at the end. The row is the item's. */
} Cursor;

static int table_away(Table *table) {
    table->host->s->free(table->base.zErrMsg);
    table->base.zErrMsg = table->host->s->mprintf("%s", is_away());
    return SQLITE_ERROR;
}

static int table_error(Table *table) {
    char *message;
    int code = take_error(table->host, &message);
    table->host->s->free(table->base.zErrMsg);
    table->base.zErrMsg = message;
    return code;
}

static int table_connect(sqlite3 *db, void *data, int argc, const char *const *argv, sqlite3_vtab **made, char **message) {
    Function *function = data;
    Host *host = function->host;
    const char *declaration;
    Lock lock;
    int code;
    (void)argc, (void)argv;
    if (!entered(&lock)) { *message = host->s->mprintf("%s", is_away()); return SQLITE_ERROR; }
    Table *table = allocated(sizeof *table);
    PyObject *parts = table ? py.PyObject_CallObject(function->callable, NULL) : py.PyErr_NoMemory();
    /* (declaration, table, visible columns, arguments) */
    if (parts && py.PyArg_ParseTuple(parts, "sOii", &declaration, &table->object, &table->visible, &table->args)) {
        code = host->s->declare_vtab(db, declaration);
        if (!code) code = host->s->vtab_config(db, SQLITE_VTAB_DIRECTONLY);
        if (code) *message = host->s->mprintf("%s", host->s->errmsg(db));
    } else
        code = take_error(host, message);
    if (!code) {
        shared(table->object);
        table->host = host, host->uses++;
        *made = &table->base;
    } else
        free(table);
    drop(parts);
    leave(&lock);
    return code;
}

static int table_disconnect(sqlite3_vtab *base) {
    Table *table = (Table *)base;
    Lock lock;
    if (!entered(&lock)) return SQLITE_OK;
    drop(table->object);
    release(table->host);
    leave(&lock);
    free(table);
    return SQLITE_OK;
}

static PyObject *constraints_of(const Sqlite *s, sqlite3_index_info *info) {
    PyObject *list = py.PyList_New(0);
    for (int i = 0; list && i < info->nConstraint; i++) {
        const char *collation = s->vtab_collation(info, i);
        PyObject *item = py.Py_BuildValue("(iiisi)", info->aConstraint[i].iColumn, (int)info->aConstraint[i].op,
                                          (int)info->aConstraint[i].usable, collation ? collation : "BINARY",
                                          s->vtab_in ? s->vtab_in(info, i, -1) : 0);
        int failed = !item || py.PyList_Append(list, item);
        drop(item);
        if (failed) { drop(list); return NULL; }
    }
    return list;
}

/* plan: ([argument's place, …], [whether SQLite need not check, …], number, text, cost, rows) */
static int take_plan(const Sqlite *s, PyObject *plan, sqlite3_index_info *info) {
    PyObject *places, *omits;
    const char *text;
    long long rows;
    if (!py.PyArg_ParseTuple(plan, "OOisdL", &places, &omits, &info->idxNum, &text, &info->estimatedCost, &rows)) return -1;
    info->estimatedRows = rows;
    for (int i = 0; i < info->nConstraint; i++) {
        PyObject *place = py.PyList_GetItem(places, i), *omit = place ? py.PyList_GetItem(omits, i) : NULL;
        if (!omit) return -1;
        info->aConstraintUsage[i].argvIndex = (int)py.PyLong_AsLongLong(place);
        info->aConstraintUsage[i].omit = (unsigned char)py.PyLong_AsLongLong(omit);
    }
    if (*text) {
        if (!(info->idxStr = s->mprintf("%s", text))) { py.PyErr_NoMemory(); return -1; }
        info->needToFreeIdxStr = 1;
    }
    return py.PyErr_Occurred() ? -1 : 0;
}

static int table_best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
    Table *table = (Table *)base;
    const Sqlite *s = table->host->s;
    Lock lock;
    int code = SQLITE_OK;
    if (!entered(&lock)) return table_away(table);
    PyObject *constraints = constraints_of(s, info);
    PyObject *plan = constraints ? py.PyObject_CallMethod(table->object, "plan", "OK", constraints,
                                                          (unsigned long long)info->colUsed) : NULL;
    if (plan == py._Py_NoneStruct) code = SQLITE_CONSTRAINT; /* not this way */
    else if (!plan || take_plan(s, plan, info)) code = table_error(table);
    drop(constraints), drop(plan);
    leave(&lock);
    return code;
}

static int table_open(sqlite3_vtab *base, sqlite3_vtab_cursor **made) {
    Table *table = (Table *)base;
    Lock lock;
    int code = SQLITE_OK;
    if (!entered(&lock)) return table_away(table);
    Cursor *cursor = allocated(sizeof *cursor);
    PyObject *object = cursor ? py.PyObject_CallMethod(table->object, "Open", NULL) : py.PyErr_NoMemory();
    if (object) cursor->object = object, *made = &cursor->base;
    else code = table_error(table), free(cursor);
    leave(&lock);
    return code;
}

static int table_close(sqlite3_vtab_cursor *base) {
    Cursor *cursor = (Cursor *)base;
    Lock lock;
    if (!entered(&lock)) return SQLITE_OK;
    PyObject *done = py.PyObject_CallMethod(cursor->object, "Close", NULL);
    if (!done) { /* no error to SQLite; but Ctrl-C is not lost */
        PyObject *error = caught();
        if (is_ctrl_c(error)) keep_error(((Table *)base->pVtab)->host, error);
        else drop(error);
    }
    drop(done), drop(cursor->item), drop(cursor->rows), drop(cursor->object);
    leave(&lock);
    free(cursor);
    return SQLITE_OK;
}

static int next_row(Cursor *cursor) { /* with Python's lock */
    drop(cursor->item);
    cursor->row = NULL;
    cursor->item = py.PyIter_Next(cursor->rows);
    if (cursor->item) cursor->row = py.PyTuple_GetItem(cursor->item, 1);
    return py.PyErr_Occurred() ? table_error((Table *)cursor->base.pVtab) : SQLITE_OK;
}

static int table_filter(sqlite3_vtab_cursor *base, int number, const char *text, int count, sqlite3_value **values) {
    Cursor *cursor = (Cursor *)base;
    Table *table = (Table *)base->pVtab;
    Lock lock;
    if (!entered(&lock)) return table_away(table);
    PyObject *args = from_values(table->host->s, count, values);
    drop(cursor->rows), drop(cursor->item);
    cursor->item = cursor->row = NULL;
    cursor->rows = args ? py.PyObject_CallMethod(cursor->object, "begin", "izO", number, text, args) : NULL;
    int code = cursor->rows ? next_row(cursor) : table_error(table);
    drop(args);
    leave(&lock);
    return code;
}

static int table_next(sqlite3_vtab_cursor *base) {
    Lock lock;
    if (!entered(&lock)) return table_away((Table *)base->pVtab);
    int code = next_row((Cursor *)base);
    leave(&lock);
    return code;
}

static int table_eof(sqlite3_vtab_cursor *base) {
    return ((Cursor *)base)->row == NULL;
}

static int table_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int number) {
    Cursor *cursor = (Cursor *)base;
    Table *table = (Table *)base->pVtab;
    Lock lock;
    int code = SQLITE_OK, argument = number - table->visible;
    PyObject *value;
    if (!entered(&lock)) return table_away(table);
    if (argument >= 0 && argument < table->args) value = py.PyObject_CallMethod(cursor->object, "argument", "i", argument);
    else if (argument == table->args) value = none(); /* the column after the arguments, which never has a value */
    else if ((value = py.PyTuple_GetItem(cursor->row, argument < 0 ? number : number - table->args - 1))) shared(value);
    if (!value || give(table->host, context, value)) code = table_error(table);
    drop(value);
    leave(&lock);
    return code;
}

static int table_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid) {
    Cursor *cursor = (Cursor *)base;
    Lock lock;
    int code = SQLITE_OK;
    if (!entered(&lock)) return table_away((Table *)base->pVtab);
    PyObject *number = py.PyObject_CallMethod(cursor->object, "rowid_of", "O", py.PyTuple_GetItem(cursor->item, 0));
    if (number) *rowid = py.PyLong_AsLongLong(number);
    if (py.PyErr_Occurred()) code = table_error((Table *)base->pVtab);
    drop(number);
    leave(&lock);
    return code;
}

static const sqlite3_module module = { /* no xCreate: a table function, not a kind of table. No xUpdate: only for reading. */
    .xConnect = table_connect, .xBestIndex = table_best_index, .xDisconnect = table_disconnect, .xDestroy = table_disconnect,
    .xOpen = table_open, .xClose = table_close, .xFilter = table_filter, .xNext = table_next, .xEof = table_eof,
    .xColumn = table_column, .xRowid = table_rowid,
};

/* --- what Python calls: statements ----------------------------------------------------------------------------- */

#define HOST "sqlclust host"
#define STATEMENT "sqlclust statement"

static Host *host_of(PyObject *self) {
    Host *host = py.PyCapsule_GetPointer(self, HOST);
    if (host && !host->db) {
        py.PyErr_Format(*py.PyExc_RuntimeError, "the connection is closed");
        return NULL;
    }
    return host;
}

/* SQLite is entered: without Python's lock, which callbacks take; what they raise is kept. */
static void *enter_sqlite(Host *host) {
    drop(host->pending);
    host->pending = NULL, host->inside++;
    return py.PyEval_SaveThread();
}

/* With the code that SQLite gave. A callback of the host may have left an exception, as APSW's do: SQLite's own error says the
   same, but for Ctrl-C and for what was raised where SQLite knows no errors. */
static void leave_sqlite(Host *host, void *thread, int code) {
    py.PyEval_RestoreThread(thread);
    host->inside--;
    PyObject *error = py.PyErr_Occurred() ? caught() : NULL;
    int is_said = code && code != SQLITE_ROW && code != SQLITE_DONE;
    if (error && !host->pending && !(is_said && py.PyObject_IsInstance(error, *py.PyExc_Exception) == 1)) host->pending = error;
    else drop(error);
}

static int stepped(Statement *statement) {
    void *thread = enter_sqlite(statement->host);
    int code = statement->host->s->step(statement->stmt);
    leave_sqlite(statement->host, thread, code);
    if ((code == SQLITE_ROW || code == SQLITE_DONE) && statement->host->pending) return SQLITE_ERROR; /* a collation's */
    return code;
}

/* Finalize or reset: no error of it is a new one, and an exception that is set stays. */
static void end_run(int (*how)(sqlite3_stmt *), sqlite3_stmt *stmt) {
    PyObject *type, *value, *trace;
    py.PyErr_Fetch(&type, &value, &trace);
    how(stmt);
    py.PyErr_Restore(type, value, trace);
}

static void forget_statement(PyObject *capsule) {
    Statement *statement = py.PyCapsule_GetPointer(capsule, STATEMENT);
    if (statement->stmt && statement->host->db) end_run(statement->host->s->finalize, statement->stmt);
    drop(statement->failed);
    release(statement->host);
    free(statement);
}

static Statement *statement_of(PyObject *capsule) {
    Statement *statement = py.PyCapsule_GetPointer(capsule, STATEMENT);
    if (statement && (!statement->stmt || !statement->host->db)) {
        py.PyErr_Format(*py.PyExc_RuntimeError, "the statement is closed");
        return NULL;
    }
    return statement;
}

/* prepare(sql: bytes, offset) -> (statement, or None where there is none; offset of what follows) */
static PyObject *prepare(PyObject *self, PyObject *args) {
    PyObject *bytes;
    char *sql;
    const char *tail = NULL;
    Py_ssize_t size, offset;
    sqlite3_stmt *stmt = NULL;
    Host *host = host_of(self);
    if (!host || !py.PyArg_ParseTuple(args, "On", &bytes, &offset)) return NULL;
    if (py.PyBytes_AsStringAndSize(bytes, &sql, &size)) return NULL;
    void *thread = enter_sqlite(host);
    int code = host->s->prepare_v2(host->db, sql + offset, (int)(size - offset + 1), &stmt, &tail);
    leave_sqlite(host, thread, code);
    if (host->pending && stmt) end_run(host->s->finalize, stmt), code = SQLITE_ERROR;
    if (code) return raise_error(host, code);
    if (!stmt) return py.Py_BuildValue("(On)", py._Py_NoneStruct, (Py_ssize_t)(tail - sql));
    Statement *statement = allocated(sizeof *statement);
    PyObject *capsule = statement ? py.PyCapsule_New(statement, STATEMENT, forget_statement) : py.PyErr_NoMemory();
    if (!capsule) {
        end_run(host->s->finalize, stmt);
        free(statement);
        return NULL;
    }
    statement->host = host, statement->stmt = stmt, host->uses++;
    return py.Py_BuildValue("(Nn)", capsule, (Py_ssize_t)(tail - sql));
}

/* finalize(statement): now, whoever still holds it; nothing if its connection was closed, which has done it */
static PyObject *finalize(PyObject *self, PyObject *args) {
    PyObject *capsule;
    Statement *statement;
    (void)self;
    if (!py.PyArg_ParseTuple(args, "O", &capsule) || !(statement = py.PyCapsule_GetPointer(capsule, STATEMENT))) return NULL;
    if (statement->stmt && statement->host->db) end_run(statement->host->s->finalize, statement->stmt);
    statement->stmt = NULL;
    return none();
}

/* describe(statement) -> (names of columns, names of parameters, whether it writes nothing, whether it is an EXPLAIN) */
static PyObject *describe(PyObject *self, PyObject *args) {
    PyObject *capsule;
    Statement *statement;
    (void)self;
    if (!py.PyArg_ParseTuple(args, "O", &capsule) || !(statement = statement_of(capsule))) return NULL;
    const Sqlite *s = statement->host->s;
    int width = s->column_count(statement->stmt), places = s->bind_parameter_count(statement->stmt);
    PyObject *columns = py.PyTuple_New(width), *parameters = py.PyTuple_New(places);
    for (int i = 0; columns && i < width; i++)
        py.PyTuple_SetItem(columns, i, py.Py_BuildValue("s", s->column_name(statement->stmt, i)));
    for (int i = 0; parameters && i < places; i++)
        py.PyTuple_SetItem(parameters, i, py.Py_BuildValue("z", s->bind_parameter_name(statement->stmt, i + 1)));
    if (!columns || !parameters || py.PyErr_Occurred()) {
        drop(columns), drop(parameters);
        return NULL;
    }
    return py.Py_BuildValue("(NNii)", columns, parameters, s->stmt_readonly(statement->stmt),
                            s->stmt_isexplain(statement->stmt));
}

static int bind_one(const Sqlite *s, sqlite3_stmt *stmt, int place, PyObject *object) { /* SQLite's code, or -1 */
    Value value;
    if (value_of(object, &value)) return -1;
    switch (value.kind) {
    case SQLITE_NULL: return s->bind_null(stmt, place);
    case SQLITE_INTEGER: return s->bind_int64(stmt, place, value.number);
    case SQLITE_FLOAT: return s->bind_double(stmt, place, value.real);
    case SQLITE_TEXT:
        return s->bind_text64(stmt, place, value.data, (sqlite3_uint64)value.size, SQLITE_TRANSIENT, SQLITE_UTF8);
    case SQLITE_BLOB: return s->bind_blob64(stmt, place, value.data, (sqlite3_uint64)value.size, SQLITE_TRANSIENT);
    default: return no_type_for(object);
    }
}

static int bind_all(Statement *statement, PyObject *values) { /* as many as there are places, which Python has seen to */
    Py_ssize_t count = py.PyTuple_Size(values);
    if (count < 0) return -1;
    for (int i = 0; i < count; i++) {
        int code = bind_one(statement->host->s, statement->stmt, i + 1, py.PyTuple_GetItem(values, i));
        if (code == -1) return -1;
        if (code) { raise_error(statement->host, code); return -1; }
    }
    return 0;
}

/* bind(statement, values): for another run */
static PyObject *bind(PyObject *self, PyObject *args) {
    PyObject *capsule, *values;
    Statement *statement;
    (void)self;
    if (!py.PyArg_ParseTuple(args, "OO", &capsule, &values) || !(statement = statement_of(capsule))) return NULL;
    end_run(statement->host->s->reset, statement->stmt);
    drop(statement->failed);
    statement->failed = NULL;
    return bind_all(statement, values) ? NULL : none();
}

static PyObject *row_of(Statement *statement, int width, Py_ssize_t *bytes) {
    PyObject *row = py.PyTuple_New(width);
    for (int i = 0; row && i < width; i++) {
        PyObject *value = from_column(statement->host->s, statement->stmt, i, bytes);
        if (!value) { drop(row); return NULL; }
        py.PyTuple_SetItem(row, i, value);
    }
    return row;
}

#define AHEAD (1 << 20) /* bytes of rows that are read ahead at the most */

/* fetch(statement, limit) -> (rows, whether those were the last); an error after the first of them is raised by the next call */
static PyObject *fetch(PyObject *self, PyObject *args) {
    PyObject *capsule;
    Statement *statement;
    int limit, code = SQLITE_ROW;
    Py_ssize_t bytes = 0;
    (void)self;
    if (!py.PyArg_ParseTuple(args, "Oi", &capsule, &limit) || !(statement = statement_of(capsule))) return NULL;
    if (statement->failed) {
        raise_object(statement->failed);
        statement->failed = NULL;
        return NULL;
    }
    PyObject *rows = py.PyList_New(0);
    for (int n = 0; rows && n < limit && bytes < AHEAD; n++) {
        if ((code = stepped(statement)) != SQLITE_ROW) break;
        PyObject *row = row_of(statement, statement->host->s->column_count(statement->stmt), &bytes);
        int failed = !row || py.PyList_Append(rows, row);
        drop(row);
        if (failed) break;
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE) raise_error(statement->host, code);
    if (py.PyErr_Occurred()) {
        if (!rows || !py.PyList_Size(rows)) { drop(rows); return NULL; }
        statement->failed = caught();
    }
    return py.Py_BuildValue("(Ni)", rows, code == SQLITE_DONE);
}

#define LOOK 256 /* rows between two looks for Ctrl-C */

/* The values of one run: a tuple of as many as there are places, as given or as `convert` makes it. */
static PyObject *values_of_run(PyObject *given, int places, PyObject *convert) {
    PyObject *type = py.PyObject_Type(given);
    int fits = type == py.PyTuple_Type && py.PyTuple_Size(given) == places;
    drop(type);
    return fits ? shared(given) : py.PyObject_CallFunctionObjArgs(convert, given, NULL);
}

/* run_many(statement, an iterable, convert): once for each item, passing over rows */
static PyObject *run_many(PyObject *self, PyObject *args) {
    PyObject *capsule, *many, *convert, *item;
    Statement *statement;
    (void)self;
    if (!py.PyArg_ParseTuple(args, "OOO", &capsule, &many, &convert) || !(statement = statement_of(capsule))) return NULL;
    int places = statement->host->s->bind_parameter_count(statement->stmt);
    PyObject *items = py.PyObject_GetIter(many);
    for (long n = 1; items && (item = py.PyIter_Next(items)); n++) {
        PyObject *values = values_of_run(item, places, convert);
        int failed = !values || bind_all(statement, values), code = SQLITE_DONE;
        drop(item), drop(values);
        if (failed) break;
        while ((code = stepped(statement)) == SQLITE_ROW) {}
        if (code != SQLITE_DONE) { raise_error(statement->host, code); break; }
        end_run(statement->host->s->reset, statement->stmt);
        if (n % LOOK == 0 && py.PyErr_CheckSignals()) break;
    }
    drop(items);
    return py.PyErr_Occurred() ? NULL : none();
}

/* --- what Python calls: the connection ------------------------------------------------------------------------- */

/* get(what) -> a number or a text about the connection or its main database */
static PyObject *get(PyObject *self, PyObject *args) {
    const char *what;
    long long number;
    Host *host = host_of(self);
    if (!host || !py.PyArg_ParseTuple(args, "s", &what)) return NULL;
    const Sqlite *s = host->s;
    if (!strcmp(what, "filename")) return py.Py_BuildValue("z", s->db_filename(host->db, "main"));
    if (!strcmp(what, "version")) return py.Py_BuildValue("s", s->libversion());
    if (!strcmp(what, "changes")) number = s->changes(host->db);
    else if (!strcmp(what, "total_changes")) number = s->total_changes(host->db);
    else if (!strcmp(what, "autocommit")) number = s->get_autocommit(host->db);
    else if (!strcmp(what, "readonly")) number = s->db_readonly(host->db, "main");
    else if (!strcmp(what, "txn_state")) number = s->txn_state(host->db, NULL);
    else if (!strcmp(what, "is_interrupted")) number = s->is_interrupted ? s->is_interrupted(host->db) : 0;
    else if (!strcmp(what, "data_version")) {
        unsigned int version = 0;
        int code = s->file_control(host->db, "main", SQLITE_FCNTL_DATA_VERSION, &version);
        if (code) return raise_error(host, code);
        number = version;
    } else {
        py.PyErr_Format(*py.PyExc_RuntimeError, "there is no %s", what);
        return NULL;
    }
    return py.PyLong_FromLongLong(number);
}

/* config(operation, value) -> the value it has */
static PyObject *config(PyObject *self, PyObject *args) {
    int operation, value, found = 0;
    Host *host = host_of(self);
    if (!host || !py.PyArg_ParseTuple(args, "ii", &operation, &value)) return NULL;
    int code = host->s->db_config(host->db, operation, value, &found);
    return code ? raise_error(host, code) : py.PyLong_FromLongLong(found);
}

static int busy(void *data, int tries) { /* inside a statement of ours, and so with what it raises kept */
    Host *host = data;
    Lock lock;
    int again = 0;
    if (!entered(&lock)) return 0;
    PyObject *asked = host->busy ? shared(host->busy) : NULL;
    PyObject *answer = asked ? py.PyObject_CallFunction(asked, "i", tries) : NULL;
    if (answer) again = py.PyObject_IsTrue(answer) == 1;
    if (py.PyErr_Occurred()) keep_error(host, caught());
    drop(asked), drop(answer);
    leave(&lock);
    return again;
}

/* busy_timeout(milliseconds), busy_handler(callable): either takes the place of the other */
static PyObject *busy_timeout(PyObject *self, PyObject *args) {
    int milliseconds;
    Host *host = host_of(self);
    if (!host || !py.PyArg_ParseTuple(args, "i", &milliseconds)) return NULL;
    drop(host->busy);
    host->busy = NULL;
    return checked(host, host->s->busy_timeout(host->db, milliseconds));
}

static PyObject *busy_handler(PyObject *self, PyObject *args) {
    PyObject *callable;
    Host *host = host_of(self);
    if (!host || !py.PyArg_ParseTuple(args, "O", &callable)) return NULL;
    shared(callable);
    drop(host->busy);
    host->busy = callable;
    return checked(host, host->s->busy_handler(host->db, busy, host));
}

static int collate(void *data, int left_size, const void *left, int right_size, const void *right) {
    Function *function = data;
    Lock lock;
    int order = 0;
    if (!entered(&lock)) return 0;
    PyObject *a = py.PyUnicode_DecodeUTF8(left, left_size, "surrogateescape");
    PyObject *b = a ? py.PyUnicode_DecodeUTF8(right, right_size, "surrogateescape") : NULL;
    PyObject *answer = b ? py.PyObject_CallFunctionObjArgs(function->callable, a, b, NULL) : NULL;
    if (answer) order = (int)py.PyLong_AsLongLong(answer);
    if (py.PyErr_Occurred()) keep_error(function->host, caught()); /* SQLite lets no collation fail: our statement does */
    drop(a), drop(b), drop(answer);
    leave(&lock);
    return order;
}

/* create_collation(name, compare) */
static PyObject *create_collation(PyObject *self, PyObject *args) {
    const char *name;
    PyObject *callable;
    Host *host = host_of(self);
    if (!host || !py.PyArg_ParseTuple(args, "sO", &name, &callable)) return NULL;
    Function *function = held(host, callable, 0);
    if (!function) return NULL;
    int code = host->s->create_collation_v2(host->db, name, SQLITE_UTF8, function, collate, gone);
    if (!code) return none();
    raise_error(host, code);
    gone(function); /* of all that take such a function only this one does not call it where it fails */
    return NULL;
}

/* create_function(name, number of arguments, flags, callable, kind): 0 scalar, 1 aggregate, 2 aggregate with step_many */
static PyObject *create_function(PyObject *self, PyObject *args) {
    const char *name;
    int count, flags, kind;
    PyObject *callable;
    Host *host = host_of(self);
    if (!host || !py.PyArg_ParseTuple(args, "siiOi", &name, &count, &flags, &callable, &kind)) return NULL;
    Function *function = held(host, callable, kind == 2);
    if (!function) return NULL;
    return checked(host, host->s->create_function_v2(host->db, name, count, flags, function,
                                                     kind ? NULL : callbacks[host->slot].scalar,
                                                     kind ? callbacks[host->slot].step : NULL,
                                                     kind ? callbacks[host->slot].final : NULL, gone));
}

/* create_module(name, connect) */
static PyObject *create_module(PyObject *self, PyObject *args) {
    const char *name;
    PyObject *callable;
    Host *host = host_of(self);
    if (!host || !py.PyArg_ParseTuple(args, "sO", &name, &callable)) return NULL;
    Function *function = held(host, callable, 0);
    return function ? checked(host, host->s->create_module_v2(host->db, name, &module, function, gone)) : NULL;
}

/* close(): a connection of ours, and whatever it still has open */
static PyObject *close_own(PyObject *self, PyObject *args) {
    Host *host = py.PyCapsule_GetPointer(self, HOST);
    if (!host || !py.PyArg_ParseTuple(args, "")) return NULL;
    if (host->db) {
        sqlite3 *db = host->db;
        sqlite3_stmt *open;
        while ((open = host->s->next_stmt(db, NULL))) host->s->finalize(open);
        host->db = NULL;
        host->s->close_v2(db);
    }
    return none();
}

static PyObject *open_another(PyObject *self, PyObject *args);

#define METHODS(F) \
    F("prepare", prepare) F("finalize", finalize) F("describe", describe) F("bind", bind) F("fetch", fetch) \
    F("run_many", run_many) F("get", get) F("config", config) F("busy_timeout", busy_timeout) \
    F("busy_handler", busy_handler) F("create_collation", create_collation) F("create_function", create_function) \
    F("create_module", create_module) F("open", open_another) F("close", close_own)
static PyMethodDef methods[] = {
#define F(name, function) {name, function, METH_VARARGS, NULL},
    METHODS(F)
#undef F
    {NULL, NULL, 0, NULL}};

static void forget_host(PyObject *capsule) {
    release(py.PyCapsule_GetPointer(capsule, HOST));
}

/* What Python can call of a connection, by name: a dict. */
static PyObject *routines_of(Host *host) {
    PyObject *routines = py.PyDict_New(), *self = routines ? py.PyCapsule_New(host, HOST, forget_host) : NULL;
    if (self) host->uses++;
    for (PyMethodDef *method = methods; self && method->name; method++) {
        PyObject *function = py.PyCFunction_NewEx(method, self, NULL);
        int failed = !function || py.PyDict_SetItemString(routines, method->name, function);
        drop(function);
        if (failed) break;
    }
    drop(self);
    if (!py.PyErr_Occurred()) return routines;
    drop(routines);
    return NULL;
}

/* open(name, flags) -> routines of another connection, of the same SQLite */
static PyObject *open_another(PyObject *self, PyObject *args) {
    const char *name;
    int flags;
    Host *host = host_of(self);
    if (!host || !py.PyArg_ParseTuple(args, "si", &name, &flags)) return NULL;
    Host *other = allocated(sizeof *other);
    if (!other) return py.PyErr_NoMemory();
    other->s = host->s, other->slot = host->slot, other->is_own = 1, other->uses = 1;
    other->raise = shared(host->raise), other->describe = shared(host->describe), other->remind = shared(host->remind);
    other->handle_type = shared(host->handle_type);
    int code = host->s->open_v2(name, &other->db, flags, NULL);
    PyObject *routines = code ? raise_error(other, code) : routines_of(other);
    release(other); /* without routines nobody has it, and it is closed */
    return routines;
}

/* --- finding and starting Python ------------------------------------------------------------------------------- */

/* Said by a Python: the folder of its sqlclust ('' if it has none), its own path, its shared library ('' if it has none), its version.
   As bytes, each after a NUL: a path may have any others, whatever the encoding of stdout; and what Python's start may have
   printed comes before the first. */
static const char ASK[] =
    "import os, sys, sysconfig\n"
    "try:\n"
    "    import sqlclust\n"
    "    package = os.path.dirname(os.path.realpath(sqlclust.__file__))\n"
    "except (ImportError, TypeError):\n"
    "    package = ''\n"
    "v = sysconfig.get_config_var\n"
    "names = [v('INSTSONAME'), v('LDLIBRARY'), 'libpython%d.%d.so.1.0' % sys.version_info[:2],\n"
    "         'libpython%d.%d.dylib' % sys.version_info[:2], v('PYTHONFRAMEWORK')]\n"
    "folders = [v('LIBDIR'), v('LIBPL'), os.path.join(sys.base_prefix, 'lib'), v('PYTHONFRAMEWORKPREFIX'),\n"
    "           os.path.join(v('LIBDIR') or '', v('MULTIARCH') or '')]\n"
    "paths = [os.path.join(f, n) for n in names if n and not n.endswith('.a') for f in folders if f]\n"
    "library = next((p for p in paths if os.path.isfile(p)), '')\n"
    "said = '', package, sys.executable, library, '%d.%d' % sys.version_info[:2]\n"
    "sys.stdout.buffer.write(b'\\0'.join(map(os.fsencode, said)))\n";
#define PARTS 5 /* of what it says, with what comes before the first NUL */

static void put(char *text, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void put(char *text, size_t room, const char *format, ...) { /* at the end of a text, as far as there is room */
    size_t used = strlen(text);
    va_list values;
    va_start(values, format);
    vsnprintf(text + used, room - used, format, values);
    va_end(values);
}

/* Let a Python answer `ASK`; whether it did. At least PARTS of NULs follow. A program's own signals interrupt what waits here. */
static int ask(const char *python, char *answer, size_t room) {
    int ends[2], status = 0;
    pid_t child;
    size_t used = 0;
    ssize_t got;
    char *const arguments[] = {(char *)python, "-P", "-c", (char *)ASK, NULL};
    posix_spawn_file_actions_t actions;
    if (pipe(ends)) return 0;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC), fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    int failed = posix_spawnp(&child, python, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    memset(answer, 0, room);
    while (!failed && used + PARTS < room) {
        got = read(ends[0], answer + used, room - PARTS - used);
        if (got > 0) used += (size_t)got;
        else if (got == 0 || errno != EINTR) break;
    }
    close(ends[0]);
    if (failed) return 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno == EINTR) continue;
        status = 0; /* a program may have waited for it itself: what it said counts */
        break;
    }
    return used > 0 && status == 0;
}

static char *part(char **rest) { /* the next one */
    char *start = *rest;
    *rest = start + strlen(start) + 1;
    return start;
}

typedef struct Place { /* where this file is and what it belongs to */
    char package[PATH_MAX]; /* …/sqlclust */
    char noted[PATH_MAX];   /* the Python that loadable_path() noted; '' if there is no note */
    int is_noted;           /* whether the note is of this package */
} Place;

/* The path of this file, with room for PATH_MAX. Found once: the program may have loaded it by a relative one, and then gone to
   another folder. */
static int own_path(char *path) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char known[PATH_MAX];
    Dl_info info;
    void *here;
    int (*self)(char *) = own_path;
    memcpy(&here, &self, sizeof here);
    pthread_mutex_lock(&lock);
    if (!*known && (!dladdr(here, &info) || !realpath(info.dli_fname, known))) *known = 0;
    strcpy(path, known);
    pthread_mutex_unlock(&lock);
    return *path != 0;
}

/* The folder of the package, by where this file lies in it, or else by the note beside it. */
static int find_place(Place *place) {
    static const char INSIDE[] = "/bindings/loadable";
    char path[PATH_MAX + 32], *slash;
    memset(place, 0, sizeof *place);
    if (!own_path(path) || !(slash = strrchr(path, '/'))) return 0;
    *slash = 0;
    snprintf(place->package, sizeof place->package, "%.*s", PATH_MAX - 1, path);
    strcat(path, "/sqlclust.python");
    FILE *note = fopen(path, "r");
    char noted[PATH_MAX] = "";
    if (note) {
        if (fgets(place->noted, sizeof place->noted, note)) place->noted[strcspn(place->noted, "\n")] = 0;
        if (fgets(noted, sizeof noted, note)) noted[strcspn(noted, "\n")] = 0;
        fclose(note);
    }
    size_t length = strlen(place->package), inside = sizeof INSIDE - 1;
    if (length > inside && !strcmp(place->package + length - inside, INSIDE)) place->package[length - inside] = 0;
    else if (*noted) snprintf(place->package, sizeof place->package, "%s", noted);
    place->is_noted = !strcmp(noted, place->package);
    return 1;
}

/* The end of the path of the Python that has the package: the last /lib/python… or /lib64/python… (others may lie above it). */
static const char *lib_of(const char *package) {
    const char *found = NULL;
    for (const char *at = package; (at = strstr(at, "/lib")); at++)
        if (!strncmp(at, "/lib/python", 11) || !strncmp(at, "/lib64/python", 13)) found = at;
    return found;
}

enum Candidate { TOLD, NOTED, NEAR, OF_VERSION, ANY, CANDIDATES };

/* A Python that sqlclust may be installed for, if there is such a one: the one that was told, and then no other; the one that was
   noted; and by where the package is. */
static int candidate(enum Candidate which, const char *told, const Place *place, char *python) {
    char version[32] = "";
    const char *lib = lib_of(place->package);
    if (lib) sscanf(strchr(lib + 1, '/'), "/python%31[0-9.t]", version);
    if (which != TOLD && *told) return 0;
    switch (which) {
    case TOLD: return *told && snprintf(python, PATH_MAX, "%s", told);
    case NOTED: return *place->noted && snprintf(python, PATH_MAX, "%s", place->noted);
    case NEAR:
        return lib && snprintf(python, PATH_MAX, "%.*s/bin/python%s", (int)(lib - place->package), place->package, version);
    case OF_VERSION: return *version && snprintf(python, PATH_MAX, "python%s", version);
    default: return snprintf(python, PATH_MAX, "python3");
    }
}

static void in_child(void) {
    forked = 1;
}

/* Start the Python at `executable`, with its library. It may run already: a plug-in of the program has loaded it for itself
   (RTLD_LOCAL), and it is the same one then. */
static int start(const Sqlite *s, const char *executable, const char *library, const char *version, char **message) {
    char name[64];
    snprintf(name, sizeof name, "libpython%s.so.1.0", version);
    void *handle = dlopen(*library ? library : name, RTLD_NOW | RTLD_GLOBAL); /* global: NumPy and others look it up there */
    if (!handle) {
        *message = s->mprintf("sqlclust: Python %s (%s) has no shared library, and this program has no Python of its own: %s. Install "
                              "it (Debian, Ubuntu: apt install libpython%s; pyenv: build with --enable-shared), or use sqlclust "
                              "from Python", version, executable, dlerror(), version);
        return SQLITE_ERROR;
    }
    const char *missing = find_python(handle);
    void *found = dlsym(handle, "Py_SetProgramName");
    if (!missing && !found) missing = "Py_SetProgramName";
    void *first = dlsym(RTLD_DEFAULT, "Py_IsInitialized");
    if (missing || memcmp(&first, &py.Py_IsInitialized, sizeof first)) { /* NumPy would call functions of that other one */
        py.Py_IsInitialized = NULL;
        *message = missing ? s->mprintf("sqlclust: %s has no %s: it cannot be started here", *library ? library : name, missing)
                           : s->mprintf("sqlclust: this program is linked to another Python, which it has not started: %s cannot "
                                        "be started beside it", *library ? library : name);
        return SQLITE_ERROR;
    }
    if (py.Py_IsInitialized()) return SQLITE_OK;
    void (*set_program_name)(const wchar_t *);
    memcpy(&set_program_name, &found, sizeof found);
    set_program_name(py.Py_DecodeLocale(executable, NULL)); /* not freed: Python goes on using it */
    py.Py_InitializeEx(0); /* signals stay the program's */
    started_here = 1;
    pthread_atfork(NULL, NULL, in_child);
    py.PyEval_SaveThread();
    return SQLITE_OK;
}

static int start_python(const Sqlite *s, const Place *place, char **message) {
    char python[PATH_MAX], answer[4 * PATH_MAX], tried[4 * PATH_MAX] = "";
    const char *told = getenv("SQLCLUST_PYTHON") ? getenv("SQLCLUST_PYTHON") : "";
    for (enum Candidate which = TOLD; which < CANDIDATES; which++) {
        char *rest = answer;
        if (!candidate(which, told, place, python)) continue;
        if (!ask(python, answer, sizeof answer)) {
            put(tried, sizeof tried, "%s%s", *tried ? ", " : "", python);
            continue;
        }
        part(&rest);
        const char *package = part(&rest), *executable = part(&rest), *library = part(&rest), *version = part(&rest);
        by_path = which == NOTED && place->is_noted && strcmp(package, place->package); /* it said so itself, and had it by a path */
        if (by_path || !strcmp(package, place->package)) return start(s, executable, library, version, message);
        put(tried, sizeof tried, *package ? "%s%s (has another sqlclust, in %s)" : "%s%s", *tried ? ", " : "", python, package);
    }
    *message = s->mprintf("sqlclust: found no Python that has what is in %s; tried %s. %s the python it is installed for%s",
                          place->package, tried, *told ? "SQLCLUST_PYTHON, which is set, has to be" : "Set SQLCLUST_PYTHON to",
                          getenv("PYTHONHOME") ? "; PYTHONHOME is set, without which it may be found" : "");
    return SQLITE_ERROR;
}

static int join_or_start_python(const Sqlite *s, const Place *place, char **message) {
    static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER; /* two connections may be opened in two threads */
    int code = SQLITE_OK, (*is_initialized)(void);
    pthread_mutex_lock(&once);
    if (!py.Py_IsInitialized) {
        void *found = dlsym(RTLD_DEFAULT, "Py_IsInitialized");
        memcpy(&is_initialized, &found, sizeof found);
        if (!found || !is_initialized()) code = start_python(s, place, message);
        else {
            const char *missing = find_python(RTLD_DEFAULT);
            if (missing) {
                py.Py_IsInitialized = NULL;
                *message = s->mprintf("sqlclust: this program's Python has no %s", missing);
                code = SQLITE_ERROR;
            }
        }
    }
    pthread_mutex_unlock(&once);
    return code;
}

/* --- the entry point ------------------------------------------------------------------------------------------- */

/* `by_path`: whether the package is imported from its folder, as where sqlclust.loadable_path() was called, and not as installed. */
static const char START[] =
    "def start(package, interface, by_path):\n"
    "    import os, re, sys\n"
    "    above, added = os.path.dirname(package), by_path\n"
    "    if by_path:\n"
    "        sys.path.insert(0, above)\n"
    "    try:\n"
    "        try:\n"
    "            import sqlclust\n"
    "        except ModuleNotFoundError:\n"
    "            sys.path.append(above)\n"
    "            added = True\n"
    "        from sqlclust.bindings.loadable.attach import attach\n"
    "    except Exception as error:\n"
    "        if added:\n"
    "            sys.path.remove(above)\n"
    "        here, text = '%d.%d' % sys.version_info[:2], ' '.join(str(error).split())\n"
    "        its = re.findall('/lib(?:64)?/python([0-9.]+)', package)[-1:]\n"
    "        if its and its[0] != here:\n"
    "            text = 'it is installed for Python %s' % its[0]\n"
    "        raise RuntimeError('sqlclust: Python %s of %s cannot import it (%s: %.200s); install sqlclust for that Python'\n"
    "                           % (sys.version.split()[0], sys.prefix, type(error).__name__, text)) from error\n"
    "    return attach(interface)\n";

static int slot_of(const void **api) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    int found = -1;
    pthread_mutex_lock(&lock);
    for (int slot = 0; found < 0 && slot < SLOTS; slot++) {
        if (!slots[slot].api) {
            Sqlite *s = &slots[slot].routines;
            int version;
            memcpy(&s->libversion_number, &api[67], sizeof api[67]);
            version = s->libversion_number();
#define F(place, since, result, name, arguments) if (version >= since) memcpy(&s->name, &api[place], sizeof api[place]);
            if (version >= OLDEST_SQLITE) { SQLITE_ROUTINES(F) }
            else memcpy(&s->mprintf, &api[69], sizeof api[69]);
#undef F
            slots[slot].api = api;
        }
        if (slots[slot].api == api) found = slot;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

static char *text_of(const Sqlite *s, PyObject *error) { /* of an exception before there is anybody who describes it */
    PyObject *text = error ? py.PyObject_CallMethod(error, "__str__", NULL) : NULL;
    const char *utf8 = text ? py.PyUnicode_AsUTF8AndSize(text, NULL) : NULL;
    char *made = s->mprintf("%s", utf8 ? utf8 : "sqlclust: an error that cannot be said");
    if (py.PyErr_Occurred()) py.PyErr_Clear();
    drop(text);
    return made;
}

/* Run `START`: what `attach` of attach.py gives. */
static PyObject *parts_of_python(const Place *place) {
    PyObject *globals = py.PyDict_New(), *builtins = py.PyImport_ImportModule("builtins"), *parts = NULL;
    PyObject *package = py.PyUnicode_DecodeFSDefault(place->package); /* in whatever encoding */
    PyObject *compiled = package && globals && builtins ? py.Py_CompileString(START, "<sqlclust>", Py_file_input) : NULL, *ran = NULL;
    if (compiled && !py.PyDict_SetItemString(globals, "__builtins__", builtins))
        ran = py.PyEval_EvalCode(compiled, globals, globals);
    if (ran)
        parts = py.PyObject_CallFunction(py.PyDict_GetItemString(globals, "start"), "Oii", package, INTERFACE, by_path);
    drop(package), drop(ran), drop(compiled), drop(builtins), drop(globals);
    return parts;
}

static int attach(Host *host, const Place *place, char **message) { /* with Python's lock */
    PyObject *register_ = NULL, *raise_, *describe_, *remind, *handle_type, *wait, *done = NULL, *routines = NULL;
    PyObject *parts = parts_of_python(place);
    if (parts && py.PyArg_ParseTuple(parts, "OOOOOO", &register_, &raise_, &describe_, &remind, &handle_type, &wait)) {
        host->raise = shared(raise_), host->describe = shared(describe_), host->remind = shared(remind);
        host->handle_type = shared(handle_type);
        if (!wait_for_imports) wait_for_imports = shared(wait);
        routines = routines_of(host);
        if (routines) done = py.PyObject_CallFunctionObjArgs(register_, routines, NULL);
    }
    int code = SQLITE_OK;
    if (!done && host->describe) code = take_error(host, message);
    else if (!done) {
        PyObject *error = caught();
        *message = text_of(host->s, error);
        code = SQLITE_ERROR;
        drop(error);
    }
    drop(parts), drop(routines), drop(done);
    return code;
}

__attribute__((visibility("default"))) int sqlite3_sqlclust_init(sqlite3 *db, char **message, const void **api) {
    Place place;
    Lock lock;
    int slot = slot_of(api);
    if (slot < 0) return SQLITE_ERROR; /* nothing can be said without its mprintf */
    const Sqlite *s = &slots[slot].routines;
    if (s->libversion_number() < OLDEST_SQLITE) {
        *message = s->mprintf("sqlclust needs SQLite 3.37 or newer; this is %d.%d", s->libversion_number() / 1000000,
                              s->libversion_number() / 1000 % 1000);
        return SQLITE_ERROR;
    }
    if (!find_place(&place)) {
        *message = s->mprintf("sqlclust: cannot tell where it lies");
        return SQLITE_ERROR;
    }
    int code = join_or_start_python(s, &place, message);
    if (code) return code;
    if (!entered(&lock)) {
        *message = s->mprintf("%s", is_away());
        return SQLITE_ERROR;
    }
    Host *host = allocated(sizeof *host);
    code = SQLITE_NOMEM;
    if (host) {
        host->s = s, host->db = db, host->slot = slot, host->uses = 1;
        code = attach(host, &place, message);
        if (host->items == 0) host->db = NULL; /* it failed, or another has registered everything: nothing tells of its end */
        release(host);
    }
    leave(&lock);
    return code ? code : SQLITE_OK_LOAD_PERMANENTLY; /* Python has functions of this file */
}
