/* What the extension uses of SQLite, without SQLite's headers.

   sqlite3_api_routines, the table that SQLite gives an extension, only ever grows at its end: each routine has its place in it
   for good. A test compares these places with sqlite3ext.h where there is one. */

#ifndef SQLITE_ABI_H
#define SQLITE_ABI_H

#include <stdint.h>

typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
typedef struct sqlite3_value sqlite3_value;
typedef struct sqlite3_context sqlite3_context;
typedef int64_t sqlite3_int64;
typedef uint64_t sqlite3_uint64;
typedef void (*sqlite3_destructor)(void *);

enum {
    SQLITE_OK = 0, SQLITE_ERROR = 1, SQLITE_NOMEM = 7, SQLITE_INTERRUPT = 9, SQLITE_CONSTRAINT = 19,
    SQLITE_ROW = 100, SQLITE_DONE = 101, SQLITE_OK_LOAD_PERMANENTLY = 256,
    SQLITE_INTEGER = 1, SQLITE_FLOAT = 2, SQLITE_TEXT = 3, SQLITE_BLOB = 4, SQLITE_NULL = 5, SQLITE_UTF8 = 1,
    SQLITE_FCNTL_DATA_VERSION = 35, SQLITE_VTAB_DIRECTONLY = 3
};
#define SQLITE_TRANSIENT ((sqlite3_destructor)(intptr_t)-1)

typedef struct sqlite3_index_info {
    int nConstraint;
    struct sqlite3_index_constraint { int iColumn; unsigned char op, usable; int iTermOffset; } *aConstraint;
    int nOrderBy;
    struct sqlite3_index_orderby { int iColumn; unsigned char desc; } *aOrderBy;
    struct sqlite3_index_constraint_usage { int argvIndex; unsigned char omit; } *aConstraintUsage;
    int idxNum;
    char *idxStr;
    int needToFreeIdxStr, orderByConsumed;
    double estimatedCost;
    sqlite3_int64 estimatedRows;
    int idxFlags;
    sqlite3_uint64 colUsed;
} sqlite3_index_info;

typedef struct sqlite3_vtab { const struct sqlite3_module *pModule; int nRef; char *zErrMsg; } sqlite3_vtab;
typedef struct sqlite3_vtab_cursor { sqlite3_vtab *pVtab; } sqlite3_vtab_cursor;
typedef struct sqlite3_module {
    int iVersion;
    int (*xCreate)(sqlite3 *, void *, int, const char *const *, sqlite3_vtab **, char **);
    int (*xConnect)(sqlite3 *, void *, int, const char *const *, sqlite3_vtab **, char **);
    int (*xBestIndex)(sqlite3_vtab *, sqlite3_index_info *);
    int (*xDisconnect)(sqlite3_vtab *);
    int (*xDestroy)(sqlite3_vtab *);
    int (*xOpen)(sqlite3_vtab *, sqlite3_vtab_cursor **);
    int (*xClose)(sqlite3_vtab_cursor *);
    int (*xFilter)(sqlite3_vtab_cursor *, int, const char *, int, sqlite3_value **);
    int (*xNext)(sqlite3_vtab_cursor *);
    int (*xEof)(sqlite3_vtab_cursor *);
    int (*xColumn)(sqlite3_vtab_cursor *, sqlite3_context *, int);
    int (*xRowid)(sqlite3_vtab_cursor *, sqlite3_int64 *);
    void *rest[14]; /* nothing of iVersion 0 to 4 that a read-only table needs */
} sqlite3_module;

/* place, first version of SQLite that has it (0: any that is accepted), result, name, arguments */
#define SQLITE_ROUTINES(F) \
    F(0, 0, void *, aggregate_context, (sqlite3_context*,int nBytes)) \
    F(3, 0, int, bind_double, (sqlite3_stmt*,int,double)) \
    F(5, 0, int, bind_int64, (sqlite3_stmt*,int,sqlite3_int64)) \
    F(6, 0, int, bind_null, (sqlite3_stmt*,int)) \
    F(7, 0, int, bind_parameter_count, (sqlite3_stmt*)) \
    F(9, 0, const char *, bind_parameter_name, (sqlite3_stmt*,int)) \
    F(13, 0, int, busy_handler, (sqlite3*,int(*)(void*,int),void*)) \
    F(14, 0, int, busy_timeout, (sqlite3*,int ms)) \
    F(15, 0, int, changes, (sqlite3*)) \
    F(19, 0, const void *, column_blob, (sqlite3_stmt*,int iCol)) \
    F(20, 0, int, column_bytes, (sqlite3_stmt*,int iCol)) \
    F(22, 0, int, column_count, (sqlite3_stmt*pStmt)) \
    F(27, 0, double, column_double, (sqlite3_stmt*,int iCol)) \
    F(29, 0, sqlite3_int64, column_int64, (sqlite3_stmt*,int iCol)) \
    F(30, 0, const char *, column_name, (sqlite3_stmt*,int)) \
    F(36, 0, const unsigned char *, column_text, (sqlite3_stmt*,int iCol)) \
    F(38, 0, int, column_type, (sqlite3_stmt*,int iCol)) \
    F(50, 0, int, declare_vtab, (sqlite3*,const char*)) \
    F(53, 0, const char *, errmsg, (sqlite3*)) \
    F(57, 0, int, finalize, (sqlite3_stmt*pStmt)) \
    F(58, 0, void, free, (void*)) \
    F(60, 0, int, get_autocommit, (sqlite3*)) \
    F(66, 0, const char *, libversion, (void)) \
    F(67, 0, int, libversion_number, (void)) \
    F(69, 0, char *, mprintf, (const char*,...)) \
    F(77, 0, int, reset, (sqlite3_stmt*pStmt)) \
    F(79, 0, void, result_double, (sqlite3_context*,double)) \
    F(80, 0, void, result_error, (sqlite3_context*,const char*,int)) \
    F(83, 0, void, result_int64, (sqlite3_context*,sqlite3_int64)) \
    F(84, 0, void, result_null, (sqlite3_context*)) \
    F(94, 0, int, step, (sqlite3_stmt*)) \
    F(97, 0, int, total_changes, (sqlite3*)) \
    F(101, 0, void *, user_data, (sqlite3_context*)) \
    F(102, 0, const void *, value_blob, (sqlite3_value*)) \
    F(103, 0, int, value_bytes, (sqlite3_value*)) \
    F(105, 0, double, value_double, (sqlite3_value*)) \
    F(107, 0, sqlite3_int64, value_int64, (sqlite3_value*)) \
    F(109, 0, const unsigned char *, value_text, (sqlite3_value*)) \
    F(113, 0, int, value_type, (sqlite3_value*)) \
    F(116, 0, int, prepare_v2, (sqlite3*,const char*,int,sqlite3_stmt**,const char**)) \
    F(119, 0, int, create_module_v2, (sqlite3*,const char*,const sqlite3_module*,void*, void (*xDestroy)(void *))) \
    F(126, 0, int, create_collation_v2, (sqlite3*,const char*,int,void*, int(*)(void*,int,const void*,int,const void*), void(*)(void*))) \
    F(127, 0, int, file_control, (sqlite3*,const char*,int,void*)) \
    F(135, 0, int, open_v2, (const char*,sqlite3**,int,const char*)) \
    F(137, 0, void, result_error_nomem, (sqlite3_context*)) \
    F(146, 0, void, result_error_code, (sqlite3_context*,int)) \
    F(152, 0, sqlite3_stmt *, next_stmt, (sqlite3*,sqlite3_stmt*)) \
    F(162, 0, int, create_function_v2, (sqlite3*,const char*,int,int,void*, void (*xFunc)(sqlite3_context*,int,sqlite3_value**), void (*xStep)(sqlite3_context*,int,sqlite3_value**), void (*xFinal)(sqlite3_context*), void(*xDestroy)(void*))) \
    F(163, 0, int, db_config, (sqlite3*,int,...)) \
    F(166, 0, int, extended_errcode, (sqlite3*)) \
    F(177, 0, int, vtab_config, (sqlite3*,int op,...)) \
    F(179, 0, int, close_v2, (sqlite3*)) \
    F(180, 0, const char *, db_filename, (sqlite3*,const char*)) \
    F(181, 0, int, db_readonly, (sqlite3*,const char*)) \
    F(185, 0, int, stmt_readonly, (sqlite3_stmt*)) \
    F(193, 0, int, bind_blob64, (sqlite3_stmt*,int,const void*,sqlite3_uint64, void(*)(void*))) \
    F(194, 0, int, bind_text64, (sqlite3_stmt*,int,const char*,sqlite3_uint64, void(*)(void*),unsigned char)) \
    F(201, 0, void, result_blob64, (sqlite3_context*,const void*,sqlite3_uint64, void(*)(void*))) \
    F(202, 0, void, result_text64, (sqlite3_context*,const char*,sqlite3_uint64, void(*)(void*), unsigned char)) \
    F(220, 0, void, result_pointer, (sqlite3_context*,void*,const char*,void(*)(void*))) \
    F(221, 0, void *, value_pointer, (sqlite3_value*,const char*)) \
    F(224, 0, const char *, vtab_collation, (sqlite3_index_info*,int)) \
    F(241, 0, int, stmt_isexplain, (sqlite3_stmt*)) \
    F(252, 0, int, txn_state, (sqlite3*,const char*)) \
    F(259, 3038000, int, vtab_in, (sqlite3_index_info*,int,int)) \
    F(266, 3041000, int, is_interrupted, (sqlite3*))

typedef struct Sqlite {
#define F(place, since, result, name, arguments) result (*name) arguments;
    SQLITE_ROUTINES(F)
#undef F
} Sqlite;

#endif
