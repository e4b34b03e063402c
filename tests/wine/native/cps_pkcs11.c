/*
 * cps_pkcs11.dll, a PKCS#11 library for tests: what Cryptolib CPS 5.2.2 was measured to do with a
 * CPS3 and with a CPS4 when a code is used, through winscard.dll. For Windows there is no other
 * library that knows the simulated cards.
 *
 * One slot per reader; one token, certificate and key: those of authentication. The files and keys
 * are where the simulated cards have them. With LYING it says CKR_OK to every code, and sends none.
 * Structures and numbers: PKCS#11 2.20, on Windows without gaps (8.1).
 */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <winscard.h>

#define EXPORT __declspec(dllexport)
#ifndef LYING
#define LYING 0
#endif

#define OK 0x9000u

enum { SLOTS = 4, SESSION = 7, ID = 'A', MODULUS = 256, CODE = 8, INFO_AT_MOST = 102 };
enum { USER = 1, PIN_REFERENCE = 1, PUK_REFERENCE = 2 };
enum { CLASS = 0x00, VALUE = 0x11, KEY_ID = 0x102, CERTIFICATE = 1, PRIVATE_KEY = 3, RSA_PKCS = 1 };
enum {
    ARGUMENTS_BAD = 0x07, GENERAL_ERROR = 0x05, ATTRIBUTE_INVALID = 0x12, DATA_INVALID = 0x20,
    DATA_LEN_RANGE = 0x21, PIN_INCORRECT = 0xA0, PIN_LEN_RANGE = 0xA2, PIN_LOCKED = 0xA4,
    SESSION_INVALID = 0xB3, TOKEN_NOT_PRESENT = 0xE0, NOT_LOGGED_IN = 0x101, NOT_INITIALIZED = 0x190
};

#pragma pack(push, 1)
typedef struct { BYTE major, minor; } Version;
typedef struct { Version api; char maker[32]; ULONG flags; char text[32]; Version version; } Info;
typedef struct { char text[64], maker[32]; ULONG flags; Version hardware, firmware; } SlotInfo;
typedef struct {
    char label[32], maker[32], model[16], serial[16];
    ULONG flags, rest[10];
    Version hardware, firmware;
    char clock[16];
} TokenInfo;
typedef struct { ULONG least, most, flags; } MechanismInfo;
typedef struct { ULONG type; void *value; ULONG length; } Attribute;
typedef struct { Version version; void *functions[68]; } FunctionList;
#pragma pack(pop)

static SCARDCONTEXT context;
static char readers[SLOTS][128];
static ULONG reader_count, wanted_class;
static SCARDHANDLE card;
static DWORD protocol;
static BOOL is_cps4, is_open;
static BYTE answer[258], certificate[4096];
static DWORD answered, certificate_size;

static void fill(char *room, SIZE_T size, const char *text)
{
    memset(room, ' ', size);
    memcpy(room, text, strlen(text) < size ? strlen(text) : size);
}

/* Sends a command and fetches its whole answer (protocol T=0). The status word, 0 for none. */
static ULONG exchange(const BYTE *command, DWORD size)
{
    SCARD_IO_REQUEST header = {protocol, sizeof header};
    BYTE next[5];

    for (int part = 0; part < 4; part++) {
        answered = sizeof answer;
        if (SCardTransmit(card, &header, command, size, NULL, answer, &answered) || answered < 2)
            return 0;
        BYTE kind = answer[answered - 2], length = answer[answered - 1];
        answered -= 2;
        if (kind != 0x61 && kind != 0x6C)
            return kind << 8 | length;
        if (kind == 0x61)
            memcpy(next, (BYTE[]){command[0], 0xC0, 0x00, 0x00, length}, sizeof next);
        else
            memcpy(next, (BYTE[]){command[0], command[1], command[2], command[3], length}, 5);
        command = next;
        size = sizeof next;
    }
    return 0;
}

/* A command with data: its header, for a CPS3 and for a CPS4. */
static ULONG send(ULONG for_cps3, ULONG for_cps4, const void *data, BYTE size)
{
    ULONG header = is_cps4 ? for_cps4 : for_cps3;
    BYTE command[5 + 255] = {header >> 24, header >> 16, header >> 8, header, size};

    memcpy(command + 5, data, size);
    ULONG status = exchange(command, size ? 5 + size : 4);
    SecureZeroMemory(command, sizeof command);
    return status;
}

/* What the official library makes of a status word: of a CPS4 it believes almost all. */
static ULONG code_of(ULONG status)
{
    if (status == OK)
        return 0;
    if (!status)
        return GENERAL_ERROR;
    if (is_cps4 && (status == 0x63C0 || status == 0x6983))
        return PIN_LOCKED;
    if (status >> 8 == 0x63)
        return PIN_INCORRECT;
    if (is_cps4)
        return 0;
    switch (status) {
    case 0x6700: return DATA_LEN_RANGE;
    case 0x6982: return NOT_LOGGED_IN;
    case 0x6983: case 0x6984: case 0x6985: return PIN_LOCKED;
    case 0x6A80: return DATA_INVALID;
    default: return GENERAL_ERROR;
    }
}

/* Sends codes, each as long as the card stores it. */
static ULONG send_codes(ULONG for_cps3, ULONG for_cps4, const BYTE *first, ULONG size,
                        const BYTE *second, ULONG second_size)
{
    BYTE data[2 * CODE];

    if (LYING)
        return 0;
    if (size > CODE || second_size > CODE)
        return PIN_LEN_RANGE;
    memset(data, 0xFF, sizeof data);
    memcpy(data, first, size);
    memcpy(data + CODE, second, second_size);
    ULONG code = code_of(send(for_cps3, for_cps4, data, second_size ? 2 * CODE : CODE));
    SecureZeroMemory(data, sizeof data);
    return code;
}

/* Reads a file of the master file, or of an application in it, into `room`; its size, or 0. */
static DWORD read_file(const BYTE *path, BYTE size, BYTE *room, DWORD most)
{
    DWORD got = 0;

    /* A CPS4 is not told the name of its master file. */
    if (send(0x00A4090C, 0x01A40800, path + 2 * is_cps4, size - 2 * is_cps4) != OK)
        return 0;
    while (got < most) {
        BYTE command[] = {is_cps4, 0xB0, got >> 8, got, is_cps4 ? 0x00 : 0xE7};
        ULONG status = exchange(command, sizeof command);
        if ((status != OK && status != 0x6282) || !answered || answered > most - got)
            break;
        memcpy(room + got, answer, answered);
        got += answered;
    }
    return got;
}

static void disconnect(void)
{
    SCardDisconnect(card, SCARD_LEAVE_CARD);
    card = 0;
}

static ULONG connect_to(ULONG slot)
{
    static const BYTE applet[] = {0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x01, 0x00};
    BYTE atr[36];
    DWORD size = sizeof atr;

    if (slot >= reader_count ||
        SCardConnectA(context, readers[slot], SCARD_SHARE_SHARED,
                      SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card, &protocol))
        return TOKEN_NOT_PRESENT;
    if (SCardStatusA(card, NULL, NULL, NULL, NULL, atr, &size) || size < 13) {
        disconnect();
        return TOKEN_NOT_PRESENT;
    }
    is_cps4 = atr[1] != 0xAC;  /* 3BAC begins the answer of a CPS3 */
    if (is_cps4 && send(0, 0x01A4040C, applet, sizeof applet) != OK) {
        disconnect();
        return TOKEN_NOT_PRESENT;
    }
    return 0;
}

static ULONG initialize(void *arguments)
{
    char names[SLOTS * 128] = "";
    DWORD size = sizeof names;

    reader_count = 0;
    if (SCardEstablishContext(SCARD_SCOPE_USER, NULL, NULL, &context))
        return GENERAL_ERROR;
    if (!SCardListReadersA(context, NULL, names, &size))
        for (char *name = names; *name && reader_count < SLOTS; name += strlen(name) + 1)
            lstrcpynA(readers[reader_count++], name, sizeof readers[0]);
    return 0;
}

static ULONG finalize(void *reserved)
{
    if (!context)
        return NOT_INITIALIZED;
    SCardReleaseContext(context);
    context = 0;
    return 0;
}

static ULONG get_info(Info *info)
{
    memset(info, 0, sizeof *info);
    fill(info->maker, sizeof info->maker, "tests/wine");
    fill(info->text, sizeof info->text, "cps_pkcs11");
    info->version.major = 1;
    return 0;
}

static ULONG slot_list(BYTE with_token, ULONG *slots, ULONG *count)
{
    ULONG found = 0;

    for (ULONG slot = 0; slot < reader_count; slot++) {
        if (with_token && connect_to(slot))
            continue;
        if (with_token)
            disconnect();
        if (slots && found < *count)
            slots[found] = slot;
        found++;
    }
    *count = found;
    return 0;
}

static ULONG slot_info(ULONG slot, SlotInfo *info)
{
    memset(info, 0, sizeof *info);
    fill(info->text, 64, readers[slot]);
    info->flags = 6 | !!card;
    return 0;
}

static ULONG token_info(ULONG slot, TokenInfo *info)
{
    static const BYTE path[] = {0x3F, 0x00, 0xD0, 0x03};
    BYTE file[12], kept = card != 0;
    ULONG code = kept ? 0 : connect_to(slot);

    if (code)
        return code;
    memset(info, 0, sizeof *info);
    fill(info->label, sizeof info->label, "CPS");
    fill(info->model, sizeof info->model, "IAS ECC");
    memset(info->serial, ' ', sizeof info->serial);
    if (read_file(path, sizeof path, file, sizeof file) != sizeof file)
        code = TOKEN_NOT_PRESENT;
    /* 5A, its length, five bytes of issuer, and eight digits. */
    for (int i = 0; i < 8; i++)
        info->serial[i] = '0' + (file[7 + i / 2] >> (i % 2 ? 0 : 4) & 0x0F);
    info->flags = 0x40D;
    if (send(0x00200001, 0x01200001, "", 0) == 0x6983)
        info->flags |= 0x40000;  /* CKF_USER_PIN_LOCKED */
    info->rest[4] = 8;
    info->rest[5] = 4;
    if (!kept)
        disconnect();
    return code;
}

static ULONG mechanism_list(ULONG slot, ULONG *numbers, ULONG *count)
{
    if (numbers)
        *numbers = RSA_PKCS;
    *count = 1;
    return 0;
}

static ULONG mechanism_info(ULONG slot, ULONG number, MechanismInfo *info)
{
    *info = (MechanismInfo){2048, 2048, 0x800};
    return 0;
}

static ULONG open_session(ULONG slot, ULONG flags, void *data, void *notify, ULONG *session)
{
    static const BYTE path[] = {0x3F, 0x00, 0x00, 0x01, 0xB0, 0x02};
    ULONG code = connect_to(slot);

    if (code)
        return code;
    certificate_size = read_file(path, sizeof path, certificate, sizeof certificate);
    is_open = TRUE;
    *session = SESSION;
    return 0;
}

static ULONG close_session(ULONG session)
{
    if (!is_open)
        return SESSION_INVALID;
    disconnect();
    is_open = FALSE;
    return 0;
}

static ULONG login(ULONG session, ULONG user, const BYTE *code, ULONG size)
{
    BYTE reference = user == USER ? PIN_REFERENCE : PUK_REFERENCE;

    return send_codes(0x00200000 | reference, 0x01200000 | reference, code, size, NULL, 0);
}

/* The card keeps that the code was presented, as under the official library. */
static ULONG logout(ULONG session) { return 0; }

static ULONG init_pin(ULONG session, const BYTE *new, ULONG size)
{
    if (is_cps4 && !LYING) {
        ULONG code = code_of(send(0, 0x012C0381, "", 0));
        if (code)
            return code;
    }
    return send_codes(0x002C0201, 0x01240101, new, size, NULL, 0);
}

static ULONG set_pin(ULONG session, const BYTE *old, ULONG old_size, const BYTE *new, ULONG size)
{
    if (!is_cps4)
        return send_codes(0x00240001, 0, old, old_size, new, size);
    ULONG code = login(session, USER, old, old_size);
    return code ? code : send_codes(0, 0x01240101, new, size, NULL, 0);
}

static ULONG find_init(ULONG session, Attribute *template, ULONG count)
{
    if (count != 1 || template->type != CLASS)
        return ARGUMENTS_BAD;
    wanted_class = *(ULONG *)template->value;
    return 0;
}

/* The handle of an object is its class. */
static ULONG find(ULONG session, ULONG *objects, ULONG most, ULONG *count)
{
    *count = wanted_class == CERTIFICATE || wanted_class == PRIVATE_KEY;
    *objects = wanted_class;
    wanted_class = 0;
    return 0;
}

static ULONG find_final(ULONG session) { return 0; }

static ULONG attribute(ULONG session, ULONG object, Attribute *template, ULONG count)
{
    static const BYTE id = ID;
    BOOL is_value = template->type == VALUE && object == CERTIFICATE;

    if (!is_value && template->type != KEY_ID)
        return ATTRIBUTE_INVALID;
    template->length = is_value ? certificate_size : sizeof id;
    if (template->value)
        memcpy(template->value, is_value ? certificate : &id, template->length);
    return 0;
}

static ULONG sign_init(ULONG session, ULONG *mechanism, ULONG key)
{
    return *mechanism == RSA_PKCS && key == PRIVATE_KEY ? 0 : ARGUMENTS_BAD;
}

static ULONG sign(ULONG session, const BYTE *data, ULONG size, BYTE *signature, ULONG *length)
{
    BYTE block[MODULUS];
    ULONG status;

    *length = MODULUS;
    if (!signature)
        return 0;
    if (size > INFO_AT_MOST)
        return DATA_LEN_RANGE;
    if (is_cps4) {
        /* Padded here, and « deciphered » with the key (RFC 8017, 9.2 and 5.2.1). */
        memset(block, 0xFF, sizeof block);
        block[0] = 0x00, block[1] = 0x01, block[MODULUS - 1 - size] = 0x00;
        memcpy(block + MODULUS - size, data, size);
        send(0, 0x012241B8, "\x83\x01\x20", 3);
        send(0, 0x112A8086, block, MODULUS - 1);
        BYTE last[] = {0x01, 0x2A, 0x80, 0x86, 0x01, block[MODULUS - 1], 0x00};
        status = exchange(last, sizeof last);
    } else {
        send(0x002241A4, 0, "\x80\x01\x02\x84\x01\x82", 6);
        status = send(0x00880000, 0, data, size);
    }
    if (status != OK)
        return status == 0x6982 ? NOT_LOGGED_IN : GENERAL_ERROR;
    memcpy(signature, answer, MODULUS);
    return answered == MODULUS ? 0 : GENERAL_ERROR;
}

static FunctionList list = {
    .version = {2, 20},
    .functions = {
        [0] = initialize, [1] = finalize, [2] = get_info, [4] = slot_list, [5] = slot_info,
        [6] = token_info, [7] = mechanism_list, [8] = mechanism_info, [10] = init_pin,
        [11] = set_pin, [12] = open_session, [13] = close_session, [18] = login, [19] = logout,
        [24] = attribute, [26] = find_init, [27] = find, [28] = find_final, [42] = sign_init,
        [43] = sign,
    },
};

EXPORT ULONG C_GetFunctionList(FunctionList **answer_)
{
    *answer_ = &list;
    return 0;
}
