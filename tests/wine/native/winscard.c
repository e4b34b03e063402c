/*
 * winscard.dll for Wine 8.0, whose own is a stub: the calls of Windows, answered by pcscd.
 *
 * A Winelib module: an ELF file that Wine loads as a DLL and that may call libpcsclite.
 * The two sides differ in three ways, and only these are translated here:
 *   - DWORD is 32 bits on Windows, unsigned long (64 bits) in pcsclite;
 *   - Windows counts the states of SCardStatus, pcsclite sets bits;
 *   - Windows keeps 36 bytes for an ATR in SCARD_READERSTATE, pcsclite 33.
 * Error codes, states of a reader and protocols have the same numbers on both sides.
 * The W functions, SCardLocateCards and the smart-card database of Windows are absent.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define WINDOWS __attribute__((ms_abi))

typedef unsigned int dword;
typedef unsigned long long win_handle;
typedef unsigned long wide;
typedef long pcsc_handle;

enum { ATR_SIZE = 33, WINDOWS_ATR_SIZE = 36 };

#define NO_SERVICE 0x8010001Du
#define INSUFFICIENT_BUFFER 0x80100008u
#define NO_MEMORY 0x80100006u
#define AUTO_ALLOCATE 0xFFFFFFFFu
#define INFINITE_WAIT 0xFFFFFFFFu

typedef struct { dword protocol, length; } win_io_request;
typedef struct { wide protocol, length; } pcsc_io_request;

typedef struct {
    const char *reader;
    void *user_data;
    dword current, event, atr_length;
    unsigned char atr[WINDOWS_ATR_SIZE];
} win_reader_state;

typedef struct {
    const char *reader;
    void *user_data;
    wide current, event, atr_length;
    unsigned char atr[ATR_SIZE];
} pcsc_reader_state;

const win_io_request bridge_t0 = {1, sizeof(win_io_request)};
const win_io_request bridge_t1 = {2, sizeof(win_io_request)};
const win_io_request bridge_raw = {4, sizeof(win_io_request)};

static void *pcsc_function(const char *name)
{
    static void *library;

    if (!library)
        library = dlopen("libpcsclite.so.1", RTLD_NOW);
    return library ? dlsym(library, name) : NULL;
}

/* Declares `call`, the function of pcsclite; without it the service is said to be absent. */
#define PCSC_CALL(name, ...)                                \
    long (*call)(__VA_ARGS__) = pcsc_function(name);        \
    if (!call)                                              \
        return NO_SERVICE

/* Gives `length` bytes in the two ways of Windows: into the caller's buffer, or into our own. */
static dword give(const void *data, wide length, void *target, dword *size)
{
    dword room = *size;

    *size = length;
    if (!target)
        return 0;
    if (room == AUTO_ALLOCATE) {
        void *copy = malloc(length ? length : 1);
        if (!copy)
            return NO_MEMORY;
        memcpy(copy, data, length);
        *(void **)target = copy;
        return 0;
    }
    if (room < length)
        return INSUFFICIENT_BUFFER;
    memcpy(target, data, length);
    return 0;
}

WINDOWS dword bridge_free_memory(win_handle context, void *memory)
{
    free(memory);
    return 0;
}

WINDOWS dword bridge_establish_context(dword scope, void *a, void *b, win_handle *context)
{
    PCSC_CALL("SCardEstablishContext", wide, const void *, const void *, pcsc_handle *);
    pcsc_handle made = 0;
    dword code = call(scope, NULL, NULL, &made);

    *context = made;
    return code;
}

WINDOWS dword bridge_release_context(win_handle context)
{
    PCSC_CALL("SCardReleaseContext", pcsc_handle);
    return call(context);
}

WINDOWS dword bridge_is_valid_context(win_handle context)
{
    PCSC_CALL("SCardIsValidContext", pcsc_handle);
    return call(context);
}

WINDOWS dword bridge_cancel(win_handle context)
{
    PCSC_CALL("SCardCancel", pcsc_handle);
    return call(context);
}

/* Sixteen readers with names of at most 127 bytes are all that pcsclite knows. */
enum { LIST_SIZE = 4096 };

WINDOWS dword bridge_list_readers(win_handle context, const char *groups, void *names, dword *size)
{
    PCSC_CALL("SCardListReaders", pcsc_handle, const char *, char *, wide *);
    char list[LIST_SIZE];
    wide length = sizeof list;
    dword code = call(context, groups, list, &length);

    return code ? code : give(list, length, names, size);
}

WINDOWS dword bridge_list_reader_groups(win_handle context, void *names, dword *size)
{
    PCSC_CALL("SCardListReaderGroups", pcsc_handle, char *, wide *);
    char list[LIST_SIZE];
    wide length = sizeof list;
    dword code = call(context, list, &length);

    return code ? code : give(list, length, names, size);
}

WINDOWS dword bridge_connect(win_handle context, const char *reader, dword share, dword protocols,
                             win_handle *card, dword *protocol)
{
    PCSC_CALL("SCardConnect", pcsc_handle, const char *, wide, wide, pcsc_handle *, wide *);
    pcsc_handle made = 0;
    wide chosen = 0;
    dword code = call(context, reader, share, protocols, &made, &chosen);

    *card = made;
    *protocol = chosen;
    return code;
}

WINDOWS dword bridge_reconnect(win_handle card, dword share, dword protocols, dword how,
                               dword *protocol)
{
    PCSC_CALL("SCardReconnect", pcsc_handle, wide, wide, wide, wide *);
    wide chosen = 0;
    dword code = call(card, share, protocols, how, &chosen);

    *protocol = chosen;
    return code;
}

WINDOWS dword bridge_disconnect(win_handle card, dword disposition)
{
    PCSC_CALL("SCardDisconnect", pcsc_handle, wide);
    return call(card, disposition);
}

WINDOWS dword bridge_begin_transaction(win_handle card)
{
    PCSC_CALL("SCardBeginTransaction", pcsc_handle);
    return call(card);
}

WINDOWS dword bridge_end_transaction(win_handle card, dword disposition)
{
    PCSC_CALL("SCardEndTransaction", pcsc_handle, wide);
    return call(card, disposition);
}

/* SCARD_ABSENT is bit 1 and state 1, up to SCARD_SPECIFIC, bit 6 and state 6. */
static dword highest_state(wide bits)
{
    dword state = 6;

    while (state > 0 && !(bits & (1ul << state)))
        state--;
    return state;
}

WINDOWS dword bridge_status(win_handle card, void *reader, dword *reader_size, dword *state,
                            dword *protocol, void *atr, dword *atr_size)
{
    PCSC_CALL("SCardStatus", pcsc_handle, char *, wide *, wide *, wide *, unsigned char *, wide *);
    char name[LIST_SIZE] = "";
    unsigned char answer[ATR_SIZE];
    wide name_length = sizeof name - 1, answer_length = sizeof answer, bits = 0, chosen = 0;
    dword code = call(card, name, &name_length, &bits, &chosen, answer, &answer_length);

    if (code)
        return code;
    if (state)
        *state = highest_state(bits);
    if (protocol)
        *protocol = chosen;
    /* A list of one name: on Windows it ends with two zero bytes. */
    if (reader_size)
        code = give(name, strlen(name) + 2, reader, reader_size);
    if (!code && atr_size)
        code = give(answer, answer_length, atr, atr_size);
    return code;
}

WINDOWS dword bridge_get_status_change(win_handle context, dword timeout_ms,
                                       win_reader_state *states, dword count)
{
    PCSC_CALL("SCardGetStatusChange", pcsc_handle, wide, pcsc_reader_state *, wide);
    pcsc_reader_state *translated = calloc(count ? count : 1, sizeof *translated);
    dword code;

    if (!translated)
        return NO_MEMORY;
    for (dword i = 0; i < count; i++) {
        translated[i].reader = states[i].reader;
        translated[i].current = states[i].current;
    }
    /* Both « for ever » are 32 bits of ones: pcsclite does not widen its own. */
    code = call(context, timeout_ms == INFINITE_WAIT ? 0xFFFFFFFFul : timeout_ms, translated,
                count);
    for (dword i = 0; i < count; i++) {
        wide length = translated[i].atr_length;
        states[i].event = translated[i].event;
        states[i].atr_length = length < ATR_SIZE ? length : ATR_SIZE;
        memcpy(states[i].atr, translated[i].atr, ATR_SIZE);
    }
    free(translated);
    return code;
}

WINDOWS dword bridge_transmit(win_handle card, const win_io_request *send_request,
                              const unsigned char *command, dword command_length,
                              win_io_request *receive_request, unsigned char *answer,
                              dword *answer_size)
{
    PCSC_CALL("SCardTransmit", pcsc_handle, const pcsc_io_request *, const unsigned char *, wide,
              pcsc_io_request *, unsigned char *, wide *);
    pcsc_io_request sent = {send_request->protocol, sizeof sent};
    pcsc_io_request received = sent;
    wide length = *answer_size;
    dword code = call(card, &sent, command, command_length, receive_request ? &received : NULL,
                      answer, &length);

    *answer_size = length;
    return code;
}

WINDOWS dword bridge_control(win_handle card, dword code_of_windows, const void *in, dword in_size,
                             void *out, dword out_size, dword *returned)
{
    PCSC_CALL("SCardControl", pcsc_handle, wide, const void *, wide, void *, wide, wide *);
    wide function = (code_of_windows >> 2) & 0xFFF, length = 0;
    /* SCARD_CTL_CODE: a device type and a shifted number on Windows, a plain sum in pcsclite. */
    dword code = call(card, 0x42000000 + function, in, in_size, out, out_size, &length);

    if (returned)
        *returned = length;
    return code;
}

/* MAX_BUFFER_SIZE: pcsclite refuses a larger buffer as « insufficient ». */
enum { ATTRIBUTE_SIZE = 264 };

WINDOWS dword bridge_get_attrib(win_handle card, dword id, void *attribute, dword *size)
{
    PCSC_CALL("SCardGetAttrib", pcsc_handle, wide, unsigned char *, wide *);
    unsigned char value[ATTRIBUTE_SIZE];
    wide length = sizeof value;
    dword code = call(card, id, value, &length);

    return code ? code : give(value, length, attribute, size);
}

WINDOWS dword bridge_set_attrib(win_handle card, dword id, const unsigned char *attribute,
                                dword size)
{
    PCSC_CALL("SCardSetAttrib", pcsc_handle, wide, const unsigned char *, wide);
    return call(card, id, attribute, size);
}
