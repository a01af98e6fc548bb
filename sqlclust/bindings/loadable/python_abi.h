/* What the extension uses of Python, without Python's headers: functions of the stable kind, found by their names. */

#ifndef PYTHON_ABI_H
#define PYTHON_ABI_H

#include <stddef.h>

typedef struct PyObject PyObject;
typedef ptrdiff_t Py_ssize_t;
typedef struct PyMethodDef {
    const char *name;
    PyObject *(*call)(PyObject *, PyObject *);
    int flags;
    const char *doc;
} PyMethodDef;

enum { METH_VARARGS = 1, Py_file_input = 257 };

/* result, name, arguments */
#define PYTHON_ROUTINES(F) \
    F(int, Py_IsInitialized, (void)) \
    F(void, Py_InitializeEx, (int)) \
    F(wchar_t *, Py_DecodeLocale, (const char *, size_t *)) \
    F(int, PyGILState_Ensure, (void)) \
    F(void, PyGILState_Release, (int)) \
    F(void *, PyEval_SaveThread, (void)) \
    F(void, PyEval_RestoreThread, (void *)) \
    F(void, Py_IncRef, (PyObject *)) \
    F(void, Py_DecRef, (PyObject *)) \
    F(PyObject *, PyImport_ImportModule, (const char *)) \
    F(PyObject *, Py_CompileString, (const char *, const char *, int)) \
    F(PyObject *, PyEval_EvalCode, (PyObject *, PyObject *, PyObject *)) \
    F(PyObject *, PyObject_CallObject, (PyObject *, PyObject *)) \
    F(PyObject *, PyObject_CallFunctionObjArgs, (PyObject *, ...)) \
    F(PyObject *, PyObject_CallMethod, (PyObject *, const char *, const char *, ...)) \
    F(PyObject *, PyObject_CallFunction, (PyObject *, const char *, ...)) \
    F(PyObject *, PyObject_GetAttrString, (PyObject *, const char *)) \
    F(PyObject *, PyObject_Type, (PyObject *)) \
    F(PyObject *, PyObject_GetIter, (PyObject *)) \
    F(int, PyObject_IsInstance, (PyObject *, PyObject *)) \
    F(int, PyObject_IsTrue, (PyObject *)) \
    F(PyObject *, PyIter_Next, (PyObject *)) \
    F(PyObject *, PyDict_New, (void)) \
    F(int, PyDict_SetItemString, (PyObject *, const char *, PyObject *)) \
    F(PyObject *, PyDict_GetItemString, (PyObject *, const char *)) \
    F(PyObject *, PyTuple_New, (Py_ssize_t)) \
    F(int, PyTuple_SetItem, (PyObject *, Py_ssize_t, PyObject *)) \
    F(PyObject *, PyTuple_GetItem, (PyObject *, Py_ssize_t)) \
    F(Py_ssize_t, PyTuple_Size, (PyObject *)) \
    F(PyObject *, PyList_New, (Py_ssize_t)) \
    F(int, PyList_Append, (PyObject *, PyObject *)) \
    F(Py_ssize_t, PyList_Size, (PyObject *)) \
    F(PyObject *, PyList_GetItem, (PyObject *, Py_ssize_t)) \
    F(PyObject *, PyLong_FromLongLong, (long long)) \
    F(long long, PyLong_AsLongLong, (PyObject *)) \
    F(PyObject *, PyFloat_FromDouble, (double)) \
    F(double, PyFloat_AsDouble, (PyObject *)) \
    F(PyObject *, PyUnicode_DecodeUTF8, (const char *, Py_ssize_t, const char *)) \
    F(PyObject *, PyUnicode_DecodeFSDefault, (const char *)) \
    F(const char *, PyUnicode_AsUTF8AndSize, (PyObject *, Py_ssize_t *)) \
    F(PyObject *, PyBytes_FromStringAndSize, (const char *, Py_ssize_t)) \
    F(int, PyBytes_AsStringAndSize, (PyObject *, char **, Py_ssize_t *)) \
    F(PyObject *, Py_BuildValue, (const char *, ...)) \
    F(int, PyArg_ParseTuple, (PyObject *, const char *, ...)) \
    F(PyObject *, PyCFunction_NewEx, (PyMethodDef *, PyObject *, PyObject *)) \
    F(PyObject *, PyCapsule_New, (void *, const char *, void (*)(PyObject *))) \
    F(void *, PyCapsule_GetPointer, (PyObject *, const char *)) \
    F(PyObject *, PyErr_Occurred, (void)) \
    F(int, PyErr_CheckSignals, (void)) \
    F(void, PyErr_SetInterrupt, (void)) \
    F(void, PyErr_Fetch, (PyObject **, PyObject **, PyObject **)) \
    F(void, PyErr_Restore, (PyObject *, PyObject *, PyObject *)) \
    F(void, PyErr_NormalizeException, (PyObject **, PyObject **, PyObject **)) \
    F(int, PyException_SetTraceback, (PyObject *, PyObject *)) \
    F(void, PyErr_Clear, (void)) \
    F(void, PyErr_SetObject, (PyObject *, PyObject *)) \
    F(PyObject *, PyErr_Format, (PyObject *, const char *, ...)) \
    F(PyObject *, PyErr_NoMemory, (void))

/* objects, by their address */
#define PYTHON_DATA(F) F(_Py_NoneStruct) F(PyLong_Type) F(PyFloat_Type) F(PyUnicode_Type) F(PyBytes_Type) \
    F(PyTuple_Type)

/* exceptions: variables that hold one */
#define PYTHON_EXCEPTIONS(F) F(PyExc_Exception) F(PyExc_TypeError) F(PyExc_RuntimeError) F(PyExc_KeyboardInterrupt)

#endif
