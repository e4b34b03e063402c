/* python3.dll has no code: its export table, made by build.sh, points into python311.dll. */
int __stdcall DllMainCRTStartup(void *module, unsigned reason, void *reserved)
{
    return 1;
}
